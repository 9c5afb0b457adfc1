package casebook

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"netcase"
)

// ManifestFormat is the version of the layout of manifest.json.
const ManifestFormat = 1

// Manifest says what the folder of a case holds and what it was made from.
type Manifest struct {
	Format  int               `json:"format"`
	Tool    string            `json:"tool"`
	Case    string            `json:"case"`
	Root    string            `json:"merkle_root"` // over Outputs
	Config  map[string]string `json:"config"`      // the effective settings that bear on the result
	Inputs  []Input           `json:"inputs"`
	Outputs []File            `json:"outputs"` // every file but the manifest, sorted by path
}

// Kinds of input.
const (
	Telemetry    = "telemetry"
	Intelligence = "intelligence"
)

// Input is one input of a case.
type Input struct {
	Kind   string `json:"kind"`
	ID     string `json:"id,omitempty"`
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // of the decompressed bytes
	Bytes  int64  `json:"bytes,omitempty"`
}

// File is one file of the folder.
type File struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

func manifestOf(c *netcase.Case, files []File) Manifest {
	return Manifest{
		Format: ManifestFormat, Tool: c.Tool, Case: c.ID, Root: merkleRoot(files), Config: c.Config,
		Inputs: inputs(&c.Coverage), Outputs: files,
	}
}

func inputs(c *netcase.Coverage) []Input {
	out := []Input{}
	for _, r := range c.Inputs {
		out = append(out, Input{Telemetry, r.ID, r.Name, r.SHA256, r.Bytes})
	}
	for _, f := range c.Feeds {
		out = append(out, Input{Kind: Intelligence, Name: f.Name, SHA256: f.SHA256})
	}
	slices.SortFunc(out, func(a, b Input) int {
		return cmp.Or(-strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name), strings.Compare(a.SHA256, b.SHA256), strings.Compare(a.ID, b.ID))
	})
	return out
}

func outputs(files map[string][]byte) []File {
	out := []File{}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		sum := sha256.Sum256(files[path])
		out = append(out, File{path, hex.EncodeToString(sum[:]), int64(len(files[path]))})
	}
	return out
}

// merkleRoot is the root of the hash tree over the files in their order.
//
// Source: RFC 6962 section 2.1; the data of a leaf is the file's path, size and
// sha256 in hex, joined by newlines.
func merkleRoot(files []File) string {
	leaves := make([][]byte, len(files))
	for i, f := range files {
		leaves[i] = fmt.Appendf(nil, "%s\n%d\n%s", f.Path, f.Bytes, f.SHA256)
	}
	root := treeHash(leaves)
	return hex.EncodeToString(root[:])
}

// Prefixes that keep a leaf from passing for a node (RFC 6962).
const (
	leafPrefix = 0
	nodePrefix = 1
)

func treeHash(leaves [][]byte) [sha256.Size]byte {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{leafPrefix}, leaves[0]...))
	}
	k := 1 // the largest power of two below the number of leaves
	for k*2 < len(leaves) {
		k *= 2
	}
	left, right := treeHash(leaves[:k]), treeHash(leaves[k:])
	return sha256.Sum256(slices.Concat([]byte{nodePrefix}, left[:], right[:]))
}
