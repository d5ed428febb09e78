// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	client "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"postfach/catalog/pgtest"
	"postfach/scan/scantest"
	"postfach/test/minio"
	"postfach/test/porttest"
	"postfach/test/world"
)

// behind is what the nodes stand on, and who is measured over it.
type behind struct {
	run
	store    *minio.Server
	bucket   string
	pgURL    string
	database *pgtest.Server
	name     string         // of the database
	nodes    [2]*target     // over PostgreSQL and MinIO
	single   *target        // over SQLite and a folder
	other    *target        // rclone over the same bucket
	floor    *pgconn.PgConn // for transactions without us
	core     *client.Client // for bytes without us
}

// BenchmarkNodes runs two nodes over PostgreSQL and MinIO beside minio-go alone,
// rclone over the same bucket, PostgreSQL alone and a single node of ours, and
// prints the ratios of the table for several nodes. `make bench` calls it.
func BenchmarkNodes(b *testing.B) {
	for b.Loop() {
		r := prepareNodes(b)
		for i := range r.size.repetitions {
			b.Logf("repetition %d of %d, %s", i+1, r.size.repetitions, time.Now().Format(time.TimeOnly))
			r.minioAlone(i)
			r.large(i)
			r.small(i)
			r.lists()
			r.moves()
			r.two(i)
		}
		r.memory()
		table{"nodes", "Two nodes over PostgreSQL and MinIO", r.size, r.lines(), r.figures}.publish(b, os.Getenv("POSTFACH_RESULTS"))
	}
}

func prepareNodes(t testing.TB) *behind {
	t.Helper()
	var database pgtest.Lazy
	r := &behind{run: run{t: t, size: sizes(), dir: t.TempDir(), figures: figures{}}, store: minio.Start(t, minio.Options{})}
	t.Cleanup(database.Stop)
	r.big = filepath.Join(r.dir, "big.bin")
	f, err := os.Create(r.big)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, rand.Reader, r.size.big); err != nil {
		t.Fatal(err)
	}
	r.scanner = scantest.Start(t, scantest.Options{MaxSize: 2000 << 20})
	r.bucket, r.database = r.store.Bucket(t, false), database.Get(t)
	r.name = r.database.Database(t)
	r.pgURL = r.database.URL(r.name)
	r.single = r.postfach()
	r.nodes[0] = r.node(true)
	r.nodes[1] = r.node(false)
	r.other = r.rclone()
	if r.floor, err = pgconn.Connect(t.Context(), r.pgURL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.floor.Close(context.Background()) })
	r.core, err = client.New(r.store.Address, &client.Options{Creds: credentials.NewStaticV4(r.store.AccessKey, r.store.SecretKey, ""),
		Region: "us-east-1", BucketLookup: client.BucketLookupPath, Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []*target{r.nodes[0], r.single} {
		g.server.Make("many/")
		if res := g.server.Small("many", r.size.list, 8, 100); res.Failed > 0 {
			t.Fatalf("%s: filling: %+v", g.name, res)
		}
	}
	return r
}

// node is the built binary over PostgreSQL and the bucket; the first one makes
// the account.
func (r *behind) node(first bool) *target {
	r.t.Helper()
	o := world.Options{Scanner: r.scanner, MaxSize: "2000MiB", Stopped: true, Quiet: time.Minute, AtMost: 5 * time.Minute,
		Catalog: r.pgURL, Storage: "s3://" + r.bucket + "/kasse?endpoint=" + r.store.Endpoint,
		Settings: "upload: {spool: " + r.t.TempDir() + "}",
		Env:      []string{"AWS_ACCESS_KEY_ID=" + r.store.AccessKey, "AWS_SECRET_ACCESS_KEY=" + r.store.SecretKey}}
	if first {
		o.Members = []world.Member{world.Musterhausen}
		o.Accounts = []world.Account{{Login: benchUser, Password: benchPassword, Role: "clerk", Member: "0815"}}
	}
	w := world.Start(r.t, o)
	w.Serve()
	g := &target{name: "node", server: Server{w.URL + "/dav/an_KVBbg/", benchUser, benchPassword}, tree: Tree{w.PID()}}
	g.rest()
	return g
}

func (r *behind) rclone() *target {
	r.t.Helper()
	listen := porttest.Free(r.t)
	cmd := exec.Command("rclone", "--config", "/dev/null", "serve", "webdav", "b:"+r.bucket+"/rclone",
		"--addr", listen, "--user", benchUser, "--pass", benchPassword)
	cmd.Env = append(os.Environ(), "AWS_CA_BUNDLE=", "RCLONE_CONFIG_B_TYPE=s3", "RCLONE_CONFIG_B_PROVIDER=Minio", "RCLONE_CONFIG_B_ENDPOINT="+r.store.Endpoint,
		"RCLONE_CONFIG_B_ACCESS_KEY_ID="+r.store.AccessKey, "RCLONE_CONFIG_B_SECRET_ACCESS_KEY="+r.store.SecretKey)
	return start(r.t, "rclone-s3", "http://"+listen+"/", cmd)
}

// add notes a result, which must not have failed.
func (r *behind) add(who, test string, res Result) {
	r.t.Helper()
	if res.Failed > 0 {
		r.t.Errorf("%s %s: %d failed: %s", who, test, res.Failed, res.Error)
	}
	r.figures.add(who, test, res)
}

// minioAlone is what minio-go needs for the same bytes, and MinIO for small ones.
func (r *behind) minioAlone(i int) {
	r.t.Helper()
	r.warm()
	key := fmt.Sprintf("alone/big%d", i)
	r.add("minio", "put", timed(func() error {
		f, err := os.Open(r.big)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = r.core.PutObject(context.Background(), r.bucket, key, f, r.size.big, client.PutObjectOptions{PartSize: 16 << 20, NumThreads: 4})
		return err
	}))
	r.add("minio", "get", timed(func() error {
		o, err := r.core.GetObject(context.Background(), r.bucket, key, client.GetObjectOptions{})
		if err != nil {
			return err
		}
		defer o.Close()
		_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{o}, make([]byte, 1<<20))
		return err
	}))
	_ = r.core.RemoveObject(context.Background(), r.bucket, key, client.RemoveObjectOptions{})
	body := make([]byte, 16<<10)
	_, _ = rand.Read(body) // never fails
	r.add("minio", "small16", repeat(r.size.small, 16, func(k int) error {
		_, err := r.core.PutObject(context.Background(), r.bucket, fmt.Sprintf("alone/%d/%d", i, k), bytes.NewReader(body), int64(len(body)), client.PutObjectOptions{})
		return err
	}))
	r.add("floor", "clamdscan", r.clamdscan(r.big))
	r.add("floor", "transaction", r.transactions())
}

func timed(f func() error) Result {
	began := time.Now()
	err := f()
	res := Result{Seconds: time.Since(began).Seconds()}
	if err != nil {
		res.Failed, res.Error = 1, err.Error()
	}
	return res
}

// transactions is how fast PostgreSQL makes the smallest change durable, one
// after the other, as one prepared statement each.
func (r *behind) transactions() Result {
	r.t.Helper()
	ctx := context.Background()
	if _, err := r.floor.Exec(ctx, "CREATE TABLE IF NOT EXISTS public.bench_floor (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent BIGINT, name TEXT)").ReadAll(); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.floor.Prepare(ctx, "floor", "INSERT INTO public.bench_floor (parent, name) VALUES (1, $1)", nil); err != nil {
		_ = err // prepared in an earlier repetition
	}
	return repeat(r.size.moves, 1, func(i int) error {
		return r.floor.ExecPrepared(ctx, "floor", [][]byte{fmt.Appendf(nil, "f%05d.txt", i)}, nil, nil).Read().Err
	})
}

// large uploads and reads the large file by us and by rclone.
func (r *behind) large(i int) {
	r.t.Helper()
	all := []*target{r.nodes[0], r.other}
	for k := range all {
		g := all[(k+i)%len(all)]
		r.warm()
		name := fmt.Sprintf("big%d", i)
		r.add(g.name, "put", g.tree.Measure(func() Result { return g.server.Put(name, r.big) }))
		r.add(g.name, "get", g.tree.Measure(func() Result { return g.server.Get(name) }))
		if g == r.other {
			g.server.Remove(name)
		}
	}
}

func (r *behind) small(i int) {
	r.t.Helper()
	g, folder := r.nodes[0], fmt.Sprintf("s%d", i)
	g.server.Make(folder + "/")
	r.add("node", "small16", g.tree.Measure(func() Result { return g.server.Small(folder, r.size.small, 16, 16<<10) }))
}

func (r *behind) lists() {
	r.t.Helper()
	for _, g := range []*target{r.nodes[0], r.single} {
		r.add(g.name, "list10k", g.tree.Measure(func() Result { return g.server.Propfind("many/") }))
	}
}

// moves renames the large file, again and again.
func (r *behind) moves() {
	r.t.Helper()
	g := r.nodes[0]
	r.add("node", "move", g.tree.Measure(func() Result {
		return many(r.size.moves, 1, func(i int) *http.Request {
			q := g.server.request("MOVE", []string{"big0", "big0-moved"}[i%2], nil)
			q.Header.Set("Destination", g.server.Base+[]string{"big0-moved", "big0"}[i%2])
			return q
		}, 2)
	}))
}

// two is the same load by one node and by both.
func (r *behind) two(i int) {
	r.t.Helper()
	for k := range 2 {
		n := 1 + (k+i)%2
		folder := fmt.Sprintf("two%d-%d", i, n)
		r.nodes[0].server.Make(folder + "/")
		r.add("node", fmt.Sprintf("small32-by%d", n), many(r.size.small, 32, func(k int) *http.Request {
			return r.nodes[k%n].server.document(folder, k, 16<<10)
		}, 2))
	}
}

// memory is what the last quarter of many small uploads adds to a node.
func (r *behind) memory() {
	r.t.Helper()
	g, n := r.nodes[1], 2*r.size.small // which has rested most
	g.server.Make("memory/")
	g.server.Make("memory2/")
	r.add("node", "memory-3-of-4", g.tree.Measure(func() Result { return g.server.Small("memory", n*3/4, 16, 16<<10) }))
	r.add("node", "memory-4-of-4", g.tree.Measure(func() Result { return g.server.Small("memory2", n/4, 16, 16<<10) }))
}

// lines are the targets of several nodes.
func (r *behind) lines() []line {
	m := r.figures.median
	ours := func(test string, field func(Result) float64) float64 { return m("node", test, field) }
	upload := max(m("floor", "clamdscan", seconds), m("minio", "put", seconds))
	return []line{
		{"PUT of the large file against the longer of scan and minio-go's upload", ours("put", seconds), upload, "s", false, 1.1},
		{"– against rclone over the same bucket, which does not scan", ours("put", seconds), m("rclone-s3", "put", seconds) + m("floor", "clamdscan", seconds), "s", false, 1},
		{"– our CPU against rclone's", ours("put", cpu), m("rclone-s3", "put", cpu), "s", false, 1},
		{"GET of the large file against minio-go alone", ours("get", seconds), m("minio", "get", seconds), "s", false, 1.2},
		{"– against rclone over the same bucket", ours("get", seconds), m("rclone-s3", "get", seconds), "s", false, 1},
		{"PUT 16 KiB c=16 against MinIO's own rate", ours("small16", rate), m("minio", "small16", rate), "/s", true, 0.75},
		{fmt.Sprintf("PROPFIND of %d against our single node", r.size.list), ours("list10k", seconds), m("postfach", "list10k", seconds), "s", false, 1.3},
		{fmt.Sprintf("MOVE of %d MiB against one PostgreSQL transaction", r.size.big>>20), ours("move", rate), m("floor", "transaction", rate), "/s", true, 0.6},
		{fmt.Sprintf("memory that the last quarter of %d small uploads adds", 2*r.size.small), ours("memory-4-of-4", peak) - ours("memory-3-of-4", peak), 1, "MiB", false, 4},
		{"two nodes against one, PUT 16 KiB c=32, on one machine", ours("small32-by2", rate), ours("small32-by1", rate), "/s", true, 0.95},
	}
}
