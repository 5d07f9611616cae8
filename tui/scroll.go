package tui

// scroller is a cursor over n rows of which h are seen, from offset on.
type scroller struct{ cursor, offset, n, h int }

// margin is how many rows stay in sight above and below the cursor.
const margin = 2

// size tells the scroller how many rows there are, and how many are seen.
func (s *scroller) size(n, h int) {
	s.n, s.h = n, max(h, 1)
	s.settle()
}

// to moves the cursor to a row.
func (s *scroller) to(row int) {
	s.cursor = row
	s.settle()
}

// scroll moves what is seen by some rows, and the cursor only as far as it has
// to, to stay in sight.
func (s *scroller) scroll(rows int) {
	m := min(margin, (s.h-1)/2)
	s.offset = max(min(s.offset+rows, s.n-s.h), 0)
	low, high := s.offset+m, s.offset+s.h-1-m
	if s.offset == 0 { // the rows at the ends have no margin
		low = 0
	}
	if s.offset >= s.n-s.h {
		high = s.n - 1
	}
	s.to(max(min(s.cursor, high), low))
}

// next moves the cursor down to a row that is looked for, and on from the top
// when the end is reached.
func (s *scroller) next(is func(row int) bool) {
	for i := 1; i <= s.n; i++ {
		if row := (s.cursor + i) % s.n; is(row) {
			s.to(row)
			return
		}
	}
}

func (s *scroller) settle() {
	s.cursor = max(min(s.cursor, s.n-1), 0)
	m := min(margin, (s.h-1)/2)
	s.offset = min(s.offset, s.cursor-m)
	s.offset = max(s.offset, s.cursor+m-s.h+1)
	s.offset = max(min(s.offset, s.n-s.h), 0)
}

// window returns the rows in sight.
func (s *scroller) window() (from, to int) { return s.offset, min(s.offset+s.h, s.n) }

// pager is a text of n lines of which h are seen, from offset on.
type pager struct{ offset, n, h int }

func (p *pager) size(n, h int) {
	p.n, p.h = n, max(h, 1)
	p.by(0)
}

func (p *pager) by(lines int) { p.offset = max(min(p.offset+lines, p.n-p.h), 0) }

// below counts the lines under the last one in sight.
func (p *pager) below() int { return max(p.n-p.offset-p.h, 0) }

// show returns the lines in sight.
func (p *pager) show(lines []string) []string {
	from := min(p.offset, len(lines))
	return lines[from:min(from+p.h, len(lines))]
}
