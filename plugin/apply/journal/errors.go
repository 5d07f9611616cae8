package journal

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var (
	// ErrRunning is that another process works on the run.
	ErrRunning = errors.New("another process works on it; wait for that, or stop it")
	// ErrNotFound is that there is no such run. The error is a [*NotFoundError].
	ErrNotFound = errors.New("run not found")
)

// NotFoundError is an [ErrNotFound] that says which runs there are.
type NotFoundError struct {
	Run  int
	Runs []int // in ascending order
}

// Is makes errors.Is(err, ErrNotFound) hold.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

func (e *NotFoundError) Error() string {
	if len(e.Runs) == 0 {
		return fmt.Sprintf("run %d not found: there are no runs", e.Run)
	}
	return fmt.Sprintf("run %d not found: the runs are %s", e.Run, ranges(e.Runs))
}

// ranges writes ascending numbers for people: "1-3, 5 and 7".
func ranges(numbers []int) string {
	var parts []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		part := strconv.Itoa(numbers[i])
		if j > i {
			part += "-" + strconv.Itoa(numbers[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	last := len(parts) - 1
	if last == 0 {
		return parts[0]
	}
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}
