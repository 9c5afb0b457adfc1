package source

import (
	_ "github.com/gopacket/gopacket"
	_ "github.com/gopacket/gopacket/layers"
	_ "github.com/gopacket/gopacket/pcapgo"
	_ "github.com/netsampler/goflow2/v2/decoders/netflow"
	_ "github.com/netsampler/goflow2/v2/decoders/netflowlegacy"
	_ "github.com/netsampler/goflow2/v2/decoders/sflow"
	_ "github.com/parquet-go/parquet-go"
	_ "www.velocidex.com/golang/evtx"
)
