// Package service asks live intelligence services and fetches feeds. Each service is
// a value in its own file, listed in Providers. What comes back is kept raw; package
// intel reads it, so that an answer from a service and the same answer from a file
// give the same indicators.
//
// A Client makes every connection: over TLS, to the open Internet only, bounded in
// time and in size, with the key in nothing that it returns.
package service
