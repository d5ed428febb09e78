// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Types that are written and read here (pg_type.oid).
const (
	oidBool    = 16
	oidBytes   = 17
	oidInt8    = 20
	oidInt2    = 21
	oidInt4    = 23
	oidText    = 25
	oidVarchar = 1043
)

var types = []uint32{oidBool, oidBytes, oidInt8, oidInt2, oidInt4, oidText, oidVarchar}

func known(oid uint32) bool { return slices.Contains(types, oid) }

// Micros is how times are stored: microseconds UTC since 1970, the zero time
// as 0.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// encode appends an argument in the binary format of a type.
func encode(b []byte, oid uint32, arg any) (_ []byte, null bool, err error) {
	switch v := arg.(type) {
	case nil:
		return b, true, nil
	case int64:
		b, err = encodeInt(b, oid, v)
	case bool:
		var n int64
		if v {
			n = 1
		}
		b, err = encodeInt(b, oid, n)
	case time.Time:
		b, err = encodeInt(b, oid, Micros(v))
	case string:
		if oid != oidText && oid != oidVarchar {
			err = wrongType(oid, arg)
		}
		b = append(b, Clean(v)...)
	case []byte:
		if oid != oidBytes {
			err = wrongType(oid, arg)
		}
		b, null = append(b, v...), v == nil
	default:
		err = wrongType(oid, arg)
	}
	return b, null, err
}

func wrongType(oid uint32, arg any) error {
	return fmt.Errorf("no way to store a %T in type %d", arg, oid)
}

func encodeInt(b []byte, oid uint32, n int64) ([]byte, error) {
	switch {
	case oid == oidInt8:
		return binary.BigEndian.AppendUint64(b, uint64(n)), nil
	case oid == oidInt4 && n >= math.MinInt32 && n <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(b, uint32(n)), nil
	case oid == oidInt2 && n >= math.MinInt16 && n <= math.MaxInt16:
		return binary.BigEndian.AppendUint16(b, uint16(n)), nil
	case oid == oidBool && (n == 0 || n == 1):
		return append(b, byte(n)), nil
	}
	return b, fmt.Errorf("no way to store %d in type %d", n, oid)
}

// Clean is a text that the server can store. What others send, a mail relay or
// a scanner for example, may hold bytes that are no UTF-8, or zeros; they become
// U+FFFD, as encoding/json does it.
func Clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
