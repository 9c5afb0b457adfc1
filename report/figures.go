package report

import (
	"netcase"
	"netcase/chart"
)

// Figures are the figures of the report as SVG files, by their path in the folder
// of the case.
func Figures(c *netcase.Case) map[string][]byte {
	d := Build(c)
	out := map[string][]byte{}
	eachFigure(d.Blocks, func(f Figure) { out[figurePath(f.Name)] = chart.SVG(f.Figure) })
	return out
}

func eachFigure(blocks []Block, yield func(Figure)) {
	for _, b := range blocks {
		switch b := b.(type) {
		case Figure:
			yield(b)
		case Finding:
			eachFigure(b.Blocks, yield)
		}
	}
}

func figurePath(name string) string { return "figures/" + anchor("fig", name) + ".svg" }
