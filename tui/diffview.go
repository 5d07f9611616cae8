package tui

// drawDiff draws a change. Long lines go on below, since nothing that is
// applied may stay unseen.
func (a *app) drawDiff(d changeDiff, w int) []string {
	var out []string
	for _, line := range wrap(d.title, w) {
		out = append(out, a.styles.bold.Render(line))
	}
	if len(d.lines) == 0 {
		return append(out, a.styles.faint.Render("no visible change"))
	}
	for _, line := range hunks(d.lines, contexts[a.context]) {
		style := a.styles.plain
		switch line.sign {
		case '+':
			style = a.styles.good
		case '-':
			style = a.styles.bad
		case '@':
			for _, part := range hang("@ ", line.text, w) {
				out = append(out, a.styles.faint.Render(part))
			}
			continue
		}
		for i, part := range hardwrap(line.text, w-2) {
			sign := string(line.sign) + " "
			if i > 0 {
				sign = string(line.sign) + a.glyphs.ellipsis
			}
			out = append(out, style.Render(sign+part))
		}
	}
	return out
}
