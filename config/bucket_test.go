// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// inBucket is base with a bucket; the address goes on with more.
func inBucket(more string) string {
	return strings.Replace(base, "storage: dir:data/blobs", "storage: s3://postfach/eins/zwei?endpoint=https://minio.example.org:9000"+more, 1) +
		"upload: {spool: data/spool}\n"
}

var keys = env("AWS_ACCESS_KEY_ID", "AKIA7", "AWS_SECRET_ACCESS_KEY", "Wiesel-Pfad-39")

func TestBucket(t *testing.T) {
	path := write(t, inBucket(""))
	dir := filepath.Dir(path)
	file := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte("[default]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	plain := Bucket{Name: "postfach", Prefix: "eins/zwei", Endpoint: "https://minio.example.org:9000", PathStyle: true,
		AccessKey: "AKIA7", SecretKey: "Wiesel-Pfad-39", Spool: filepath.Join(dir, "data/spool")}
	c, err := Load(path, keys)
	if err != nil {
		t.Fatal(err)
	}
	if c.Bucket != plain || (c.Storage != Place{"s3", "postfach/eins/zwei"}) || len(c.Weakenings()) != 0 {
		t.Errorf("%+v", c.Bucket)
	}
	for more, change := range map[string]func(*Bucket){
		"&region=eu-central-1&path_style=false":    func(b *Bucket) { b.Region, b.PathStyle = "eu-central-1", false },
		"&sse=s3":                                  func(b *Bucket) { b.Encryption = "s3" },
		"&sse=kms&kms_key=postfach":                func(b *Bucket) { b.Encryption, b.KMSKey = "kms", "postfach" },
		"&sse=none&retention=none":                 func(*Bucket) {},
		"&retention=compliance&retention_days=400": func(b *Bucket) { b.Retention, b.RetentionDays = "compliance", 400 },
		"&credentials=role":                        func(b *Bucket) { b.AccessKey, b.SecretKey, b.InstanceRole = "", "", true },
		"&credentials=file:" + file + "&profile=p": func(b *Bucket) { b.AccessKey, b.SecretKey, b.CredentialsFile, b.Profile = "", "", file, "p" },
		"&credentials=env&plain_http=refuse":       func(*Bucket) {},
		"&plain_http=allow":                        func(b *Bucket) { b.PlainHTTP = true },
	} {
		want := plain
		change(&want)
		c, err := Load(write(t, inBucket(more)), keys)
		if err != nil {
			t.Errorf("%s: %v", more, err)
			continue
		}
		if want.Spool = c.Bucket.Spool; c.Bucket != want {
			t.Errorf("%s:\n%+v, want\n%+v", more, c.Bucket, want)
		}
		if said := len(c.Weakenings()); said != map[bool]int{true: 1}[want.PlainHTTP] {
			t.Errorf("%s: %d weakenings", more, said)
		}
	}
}

// Each refusal says what is wrong (issue 3, item 1), and none shows a secret.
func TestBucketRefusals(t *testing.T) {
	good := "s3://postfach/eins?endpoint=https://minio.example.org:9000"
	for address, want := range map[string]string{
		"s3:postfach":                                   "is not of the form s3://BUCKET/PREFIX?endpoint=URL",
		"s3://Postfach?endpoint=https://m":              "\"Postfach\" is no name of a bucket",
		"s3://postfach//x?endpoint=https://m":           "",
		"s3://postfach/a/../b?endpoint=https://m":       "\"a/../b\" is no prefix",
		"s3://postfach/eins":                            "endpoint=\"\" is not of the form https://HOST:PORT",
		"s3://postfach?endpoint=minio:9000":             "endpoint=\"minio:9000\" is not of the form",
		"s3://postfach?endpoint=https://m/x":            "is not of the form https://HOST:PORT",
		"s3://postfach?endpoint=http://minio:9000":      "would send every document in plain text",
		"s3://AKIA7:Wiesel@postfach?endpoint=https://m": "holds access keys; give them by AWS_ACCESS_KEY_ID",
		good + "&endpoint=https://m":                    "endpoint= must stand there once",
		good + "&regio=x":                               "regio= is unknown; known are endpoint, region",
		good + "&region=":                               "region= must stand there once, with a value",
		good + "&path_style=maybe":                      "path_style=\"maybe\" is none of true, false",
		good + "&sse=rot13":                             "sse=\"rot13\" is none of none, s3, kms",
		good + "&kms_key=x":                             "kms_key= belongs to sse=kms",
		good + "&retention=forever":                     "retention=\"forever\" is none of",
		good + "&retention=governance":                  "retention_days=",
		good + "&retention_days=3":                      "retention_days= belongs to retention=",
		good + "&credentials=chain":                     "credentials=\"chain\" is none of env, file:PATH, role",
		good + "&credentials=file:/does/not/exist":      "/does/not/exist: no such file",
		good + "&profile=x":                             "profile= belongs to credentials=file:PATH",
		good + "&ca=nowhere.pem":                        "nowhere.pem: no such file",
	} {
		_, err := Load(write(t, strings.Replace(inBucket(""), "s3://postfach/eins/zwei?endpoint=https://minio.example.org:9000", address, 1)), keys)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", address, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), ":7: storage: ") {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "Wiesel") {
			t.Errorf("shows a secret: %v", err)
		}
	}
	for name, getenv := range map[string]func(string) string{
		"storage: there are no access keys":                   env(),
		"AWS_SECRET_ACCESS_KEY: is a password that stands in": env("AWS_ACCESS_KEY_ID", "AKIA7", "AWS_SECRET_ACCESS_KEY", "changeme"),
		"AWS_SECRET_ACCESS_KEY: is the same as the user name": env("AWS_ACCESS_KEY_ID", "minioadmin", "AWS_SECRET_ACCESS_KEY", "minioadmin"),
	} {
		if _, err := Load(write(t, inBucket("")), getenv); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %s", err, name)
		}
	}
	noSpool := strings.Replace(inBucket(""), "upload: {spool: data/spool}\n", "", 1)
	if _, err := Load(write(t, noSpool), keys); err == nil || !strings.Contains(err.Error(), "upload.spool: is missing") {
		t.Errorf("without a spool: %v", err)
	}
	if _, err := Load(write(t, base+"upload: {spool: x}\n"), keys); err == nil || !strings.Contains(err.Error(), "is used with storage: s3:// only") {
		t.Errorf("a spool beside a folder: %v", err)
	}
}
