// Package netcase holds the nouns of an investigation and nothing else: flows
// and the other events, the site, what intelligence claims, what detectors
// noticed, and the case that is judged from it.
//
// It imports the standard library only and performs no input or output. Every
// other package speaks in these types.
package netcase

// Version is the version of the tool and of the case format it writes.
const Version = "0.1.0"

// CaseFormat is the version of the layout of case.json.
const CaseFormat = 1
