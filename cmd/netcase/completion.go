package main

import (
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help says how to install the script.
func (c *completionCmd) Help() string {
	return "How to use it, by shell:\n\n  source <(netcase completion bash)\n  netcase completion zsh > \"${fpath[1]}/_netcase\"\n  netcase completion fish > ~/.config/fish/completions/netcase.fish"
}

// Run prints the script, made from the commands and flags themselves.
func (c *completionCmd) Run(std streams, app *kong.Kong) error {
	words := completions(app.Model.Node)
	var b strings.Builder
	switch c.Shell {
	case "zsh":
		fmt.Fprintln(&b, "#compdef netcase\nautoload -U +X bashcompinit && bashcompinit")
		bashScript(&b, words)
	case "fish":
		fishScript(&b, words)
	default:
		bashScript(&b, words)
	}
	_, err := io.WriteString(std.out, b.String())
	return err
}

// completions maps a command path ("" for the top) to the words that may follow.
func completions(top *kong.Node) map[string][]string {
	out := map[string][]string{}
	var walk func(n *kong.Node, path string)
	walk = func(n *kong.Node, path string) {
		for _, f := range n.Flags {
			out[path] = append(out[path], "--"+f.Name)
		}
		if n != top && path != "" {
			out[path] = append(out[path], "--help")
		}
		for _, c := range n.Children {
			if c.Hidden {
				continue
			}
			out[path] = append(out[path], c.Name)
			walk(c, strings.TrimSpace(path+" "+c.Name))
		}
	}
	walk(top, "")
	return out
}

func bashScript(w *strings.Builder, words map[string][]string) {
	fmt.Fprintln(w, "_netcase() {\n  local cur=${COMP_WORDS[COMP_CWORD]} path=\"\" i\n  for ((i=1; i<COMP_CWORD; i++)); do\n    case \"${COMP_WORDS[i]}\" in -*) ;; *) case \"$path ${COMP_WORDS[i]}\" in")
	for _, p := range paths(words) {
		if p != "" {
			fmt.Fprintf(w, "      \" %s\") path=\" %s\" ;;\n", p, p)
		}
	}
	fmt.Fprintln(w, "      esac ;;\n    esac\n  done\n  case \"$path\" in")
	for _, p := range paths(words) {
		key := p
		if key != "" {
			key = " " + key
		}
		fmt.Fprintf(w, "    \"%s\") COMPREPLY=($(compgen -f -W \"%s\" -- \"$cur\")) ;;\n", key, strings.Join(words[p], " "))
	}
	fmt.Fprintln(w, "  esac\n}\ncomplete -o filenames -F _netcase netcase")
}

func fishScript(w *strings.Builder, words map[string][]string) {
	for _, p := range paths(words) {
		condition := "__fish_use_subcommand"
		if p != "" {
			fields := strings.Fields(p)
			condition = "__fish_seen_subcommand_from " + fields[len(fields)-1]
		}
		for _, word := range words[p] {
			if name, ok := strings.CutPrefix(word, "--"); ok {
				fmt.Fprintf(w, "complete -c netcase -n '%s' -l %s\n", condition, name)
			} else {
				fmt.Fprintf(w, "complete -c netcase -f -n '%s' -a %s\n", condition, word)
			}
		}
	}
}

func paths(words map[string][]string) []string {
	out := make([]string, 0, len(words))
	for p := range words {
		out = append(out, p)
	}
	sort.Strings(out)
	return out
}
