package plugin

import (
	"errors"
	"os"
	"slices"

	"github.com/spf13/pflag"

	"github.com/kubectl-harden/kubectl-harden/tui"
)

// screenFlags say how the terminal UI looks, or that there is to be none.
type screenFlags struct {
	Theme      string
	Mouse      bool
	Accessible bool
}

// The values of --theme.
const (
	themeAuto  = "auto"
	themeDark  = "dark"
	themeLight = "light"
	themeNone  = "none"
)

var themeNames = []string{themeAuto, themeDark, themeLight, themeNone}

func newScreenFlags() screenFlags { return screenFlags{Theme: themeAuto} }

func (f *screenFlags) addTo(fs *pflag.FlagSet) {
	fs.StringVar(&f.Theme, "theme", f.Theme, "The colours: dark, light, none, or auto for the terminal's background. NO_COLOR means none.")
	fs.BoolVar(&f.Mouse, "mouse", false, "Turn the mouse on, as M does; the terminal selects no text then.")
	fs.BoolVar(&f.Accessible, "accessible", false, "No screen but plain lines and questions, for screen readers and for scripts that pipe the answers in. So does ACCESSIBLE on a terminal.")
}

// screen is how the terminal UI is to look.
type screen struct {
	theme   tui.Theme
	noColor bool
	mouse   bool
	// accessible asks for lines instead, also where there is no terminal.
	accessible bool
}

func (f *Flags) setScreen(o *Options) error {
	s := &f.Screen
	themes := map[string]tui.Theme{themeAuto: tui.AutoTheme, themeDark: tui.DarkTheme, themeLight: tui.LightTheme, themeNone: tui.AutoTheme}
	theme, ok := themes[s.Theme]
	switch {
	case !ok:
		return unknown("theme", s.Theme, themeNames)
	case s.Accessible && (o.Output != "" || o.FailOn != 0 || o.Fix):
		return errors.New("--accessible is for looking at findings and choosing fixes: it does not go with -o, --fail-on or --fix, which print lines anyway")
	case s.Accessible && s.Mouse:
		return errors.New("--mouse does not go with --accessible, which has no screen")
	case s.Accessible && slices.Contains(f.Filenames, "-"):
		return errors.New("-f - does not go with --accessible, which reads its answers from standard input")
	}
	o.screen = screen{theme: theme, noColor: s.Theme == themeNone, mouse: s.Mouse, accessible: s.Accessible}
	return nil
}

// lines reports whether lines are to be written instead of a screen.
func (o *Options) lines() bool {
	return o.screen.accessible || os.Getenv("ACCESSIBLE") != ""
}
