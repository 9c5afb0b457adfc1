package detect

import (
	"slices"
	"strings"
	"testing"

	"netcase"
)

// TestProcessReal reads process records that nobody here wrote. What they hold is said by
// the name of the capture; what no rule names is not found, and stands here as it is.
func TestProcessReal(t *testing.T) {
	notShort(t)
	const evtx, otrf = "evtx/evtx-attack-samples/", "otrf/atomic-host/"
	for _, c := range []struct {
		name string
		want []string // rule and image, each once
	}{
		// Harmless by its author.
		{"msticpy/mde_proc_cs1.csv.gz", nil},
		// An emulated intrusion among ordinary starts.
		{"msticpy/processes_on_host.csv", []string{
			"image path conhost.exe", "image path csrss.exe", "image path lsass.exe", "image path rundll32.exe", "image path smss.exe", "image path svchost.exe",
			"missing -k svchost.exe", "name look-alike suchost.exe", "parent svchost.exe",
		}},
		{otrf + "empire_dllinjection_LoadLibrary_CreateRemoteThread.zip", []string{"reaches into another process powershell.exe"}},
		{otrf + "purplesharp_pe_injection_createremotethread.zip", []string{"reaches into another process purplesharp.exe"}},
		// A shell of svchost whose parent's command line names another service than Remote Desktop's.
		{evtx + "Execution/revshell_cmd_svchost_sysmon_1.evtx", nil},
		// Nothing in these is a matter of the rules: tunnels, consoles, services, web shells, dumps.
		{evtx + "Command and Control/DE_RDP_Tunnel_5156.evtx", nil},
		{evtx + "Command and Control/DE_sysmon-3-rdp-tun.evtx", nil},
		{evtx + "Lateral Movement/LM_WMI_4624_4688_TargetHost.evtx", nil},
		{evtx + "Lateral Movement/LM_4624_mimikatz_sekurlsa_pth_source_machine.evtx", nil},
		{evtx + "Lateral Movement/LM_sysmon_3_12_13_1_SharpRDP.evtx", nil},
		{evtx + "Lateral Movement/sharprdp_sysmon_7_mstscax.dll.evtx", nil},
		{evtx + "Lateral Movement/powercat_revShell_sysmon_1_3.evtx", nil},
		{otrf + "aptsimulator_cobaltstrike.zip", nil},
		{otrf + "covenant_psremoting_command.zip", nil},
		{otrf + "empire_launcher_vbs.zip", nil},
		{otrf + "empire_psexec_dcerpc_tcp_svcctl.zip", nil},
		{otrf + "proxylogon_ssrf_rce_poc.zip", nil},
		{otrf + "psh_python_webserver.zip", nil},
		{otrf + "rdp_interactive_taskmanager_lsass_dump.zip", nil},
	} {
		t.Run(strings.ReplaceAll(c.name, "/", " "), func(t *testing.T) {
			b, _ := realEvents(t, c.name)
			if len(b.Processes) == 0 {
				t.Fatal("no process record was read")
			}
			for i := range b.Processes {
				p := &b.Processes[i]
				for _, s := range []*string{&p.Host.Name, &p.Account, &p.CommandLine} {
					*s = strings.ReplaceAll(strings.ReplaceAll(*s, "Alert", ""), "alert", "") // a word that none of ours may be
				}
			}
			var got []string
			for _, f := range findIn(t, netcase.Batch{Processes: b.Processes, Logins: b.Logins}, process()) {
				got = append(got, f.Kind+" "+f.Process.Image)
			}
			slices.Sort(got)
			if got = slices.Compact(got); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
