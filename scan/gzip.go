// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"

	"postfach/mailbox"
)

// mostUnpacked is where the gate stops unpacking: beyond it clamd reports that
// its limit is exceeded, for no clamd reads more.
const mostUnpacked = 2 << 30

// checkGzip follows the members (RFC 1952 section 2.2) to the end of the file.
// clamd reads several, but stops at padding, at something else and at a wrong
// checksum (measured), where other unpackers go on.
func checkGzip(s source) (finding, error) {
	r := bufio.NewReaderSize(s.section(0, s.size), 64<<10)
	left := int64(mostUnpacked)
	if reservedFlags(r) {
		return disorderly("gzip with unknown flags"), nil
	}
	z, err := gzip.NewReader(r)
	for {
		if err != nil {
			return gzipFailed(s, err)
		}
		z.Multistream(false) // the reader above gives bytes one by one, so nothing is read too far
		n, err := io.CopyN(io.Discard, z, left+1)
		if left -= n; left < 0 {
			return finding{reason: mailbox.ReasonScanLimits, detail: "gzip over the limit"}, nil
		}
		if err != nil && err != io.EOF {
			return gzipFailed(s, err)
		}
		next, err := r.Peek(2)
		if err == io.EOF && len(next) == 0 {
			return finding{}, nil
		}
		if err != nil && err != io.EOF {
			return finding{}, err
		}
		if string(next) != "\x1f\x8b" {
			return disorderly("gzip with something behind it"), nil
		}
		if reservedFlags(r) {
			return disorderly("gzip with unknown flags"), nil
		}
		if err := z.Reset(r); err != nil {
			return gzipFailed(s, err)
		}
	}
}

// reservedFlags says whether the next member's header has flags that RFC 1952
// section 2.3.1.2 reserves: clamd then does not unpack it, others do.
func reservedFlags(r *bufio.Reader) bool {
	b, err := r.Peek(4)
	return err == nil && b[3]&0xe0 != 0
}

// gzipFailed tells a broken file from a broken storage.
func gzipFailed(s source, err error) (finding, error) {
	if s.ctx.Err() != nil {
		return finding{}, s.ctx.Err()
	}
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF) || isCorrupt(err) {
		return disorderly("gzip broken"), nil
	}
	return finding{}, err
}
