// Makedb writes a database for trivy with two advisories about Alpine 3.19, so
// that trivy can be run in a test without the network:
//
//	makedb FOLDER    # trivy's cache folder
//
// The package "libsmall" has CVE-2024-11111 (critical, fixed in 1.2.4-r0) and
// CVE-2024-22222 (high, without a fix).
package main

import (
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/metadata"
	"github.com/aquasecurity/trivy-db/pkg/types"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc/vulnerability"
	bolt "go.etcd.io/bbolt"
)

func main() {
	if err := run(filepath.Join(os.Args[1], "db")); err != nil {
		log.Fatal(err)
	}
}

func run(dir string) error {
	if err := db.Init(dir); err != nil {
		return err
	}
	defer db.Close()
	err := db.Config{}.BatchUpdate(func(tx *bolt.Tx) error {
		const platform, pkg = "alpine 3.19", "libsmall"
		dbc := db.Config{}
		if err := dbc.PutDataSource(tx, platform, types.DataSource{ID: vulnerability.Alpine, Name: "Alpine Secdb", URL: "https://secdb.alpinelinux.org/"}); err != nil {
			return err
		}
		for _, a := range []struct {
			id, fixed string
			severity  types.Severity
		}{{"CVE-2024-11111", "1.2.4-r0", types.SeverityCritical}, {"CVE-2024-22222", "", types.SeverityHigh}} {
			if err := dbc.PutAdvisory(tx, []string{platform, pkg}, a.id, types.Advisory{FixedVersion: a.fixed}); err != nil {
				return err
			}
			detail := types.Vulnerability{Title: "A test", Description: "A test.", Severity: a.severity.String()}
			if err := dbc.PutVulnerability(tx, a.id, detail); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	now := time.Now()
	return metadata.NewClient(dir).Update(metadata.Metadata{
		Version: db.SchemaVersion, UpdatedAt: now, NextUpdate: now.Add(24 * time.Hour), DownloadedAt: now,
	})
}
