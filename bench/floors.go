// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver that the catalog uses
)

// Scans sends n bodies of size bytes to clamd, one connection each, c at a time.
func Scans(address string, n, c, size int) Result {
	network, addr, _ := strings.Cut(address, ":")
	head := []byte("zINSTREAM\x00")
	head = append(head, byte(size>>24), byte(size>>16), byte(size>>8), byte(size))
	body := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(body)
	message := append(append(head, body...), 0, 0, 0, 0)
	return repeat(n, c, func(int) error {
		conn, err := net.Dial(network, addr)
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := conn.Write(message); err != nil {
			return err
		}
		reply, err := io.ReadAll(conn)
		if err == nil && !bytes.HasSuffix(reply, []byte("OK\x00")) {
			err = fmt.Errorf("clamd: %q", reply)
		}
		return err
	})
}

// repeat runs f n times, c at a time.
func repeat(n, c int, f func(i int) error) Result {
	work := make(chan int, n)
	for i := range n {
		work <- i
	}
	close(work)
	var res Result
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := time.Now()
	for range c {
		wg.Go(func() {
			for i := range work {
				if err := f(i); err != nil {
					mu.Lock()
					res.Failed, res.Error = res.Failed+1, err.Error()
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	res.Seconds = time.Since(start).Seconds()
	res.Rate = float64(n) / res.Seconds
	return res
}

// DurableFiles is how fast this disk takes a file that survives a power cut
// and a catalog transaction that does, one after the other.
func DurableFiles(dir string, n, size int) (both, transaction Result, err error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "floor.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return both, transaction, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("CREATE TABLE IF NOT EXISTS f (id INTEGER PRIMARY KEY, parent INTEGER, name TEXT, at INTEGER)"); err != nil {
		return both, transaction, err
	}
	insert := func(i int) error {
		_, err := db.Exec("INSERT INTO f (parent, name, at) VALUES (?, ?, ?)", 1, fmt.Sprintf("f%05d.txt", i), time.Now().UnixMicro())
		return err
	}
	body := make([]byte, size)
	transaction = repeat(n, 1, insert)
	both = repeat(n, 1, func(i int) error {
		if err := durableFile(dir, fmt.Sprintf("f%05d", i), body); err != nil {
			return err
		}
		return insert(i)
	})
	return both, transaction, nil
}

// durableFile writes under a scratch name, syncs, renames and syncs the folder.
func durableFile(dir, name string, body []byte) error {
	scratch := filepath.Join(dir, name+".part")
	f, err := os.Create(scratch)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(body); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(scratch, filepath.Join(dir, name)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Copy is the floor of a large upload: the bytes in a file of this disk, as dd does it.
func Copy(from, to string) Result {
	start := time.Now()
	err := copyFile(from, to)
	r := Result{Seconds: time.Since(start).Seconds()}
	if err != nil {
		r.Failed, r.Error = 1, err.Error()
	}
	return r
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, make([]byte, 1<<20))
	return err
}

// Warm writes and drops a copy: it brings the source into the page cache and
// leaves the machine's free pages backed, which otherwise costs the first writer.
func Warm(file string) error {
	defer os.Remove(file + ".warm")
	return copyFile(file, file+".warm")
}
