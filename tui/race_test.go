//go:build race

package tui

// raced tells that the race detector is on, which takes ten times as long.
const raced = true
