package plugin

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// The release build sets these by -ldflags; see .goreleaser.yaml.
var (
	version = ""
	commit  = ""
	date    = ""
)

// Version is what the program knows of its build.
type Version struct {
	Version   string `json:"version"`
	Commit    string `json:"commit,omitempty"`
	Date      string `json:"date,omitempty"`
	GoVersion string `json:"goVersion"`
	Platform  string `json:"platform"`
}

// BuildVersion returns the version of this build. One made by go install has
// that of its module.
func BuildVersion() Version {
	v := Version{version, commit, date, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok && v.Version == "" {
		v.Version = info.Main.Version
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Commit = s.Value
			case "vcs.time":
				v.Date = s.Value
			}
		}
	}
	if v.Version == "" {
		v.Version = "(devel)"
	}
	return v
}

func newVersionCommand(streams genericiooptions.IOStreams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			v := BuildVersion()
			switch output {
			case "":
				_, err := fmt.Fprintf(streams.Out, "kubectl %s %s (%s, %s)\n", Name, v.Version, v.GoVersion, v.Platform)
				return err
			case outputJSON:
				enc := json.NewEncoder(streams.Out)
				enc.SetIndent("", "  ")
				return enc.Encode(v)
			}
			return usageError(unknown("output", output, []string{outputJSON}))
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "json, or nothing for a line to read.")
	return cmd
}
