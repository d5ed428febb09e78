// SPDX-License-Identifier: Apache-2.0

package dav

import "strings"

// contentType gives the media type of a name by a fixed table: never from the
// bytes, never from the machine's own tables, and nothing that a browser would
// run (HTML and SVG are plain bytes here; DESIGN.md section 6).
func contentType(name string) string {
	i := strings.LastIndexByte(name, '.')
	if i < 0 || len(name)-i > 6 {
		return octets
	}
	if t, ok := mediaTypes[name[i+1:]]; ok {
		return t
	}
	if t, ok := mediaTypes[strings.ToLower(name[i+1:])]; ok {
		return t
	}
	return octets
}

const octets = "application/octet-stream"

var mediaTypes = map[string]string{
	"csv": "text/csv", "txt": "text/plain", "log": "text/plain", "md": "text/markdown",
	"pdf": "application/pdf", "xml": "application/xml", "json": "application/json", "rtf": "application/rtf",
	"zip": "application/zip", "7z": "application/x-7z-compressed", "gz": "application/gzip", "tar": "application/x-tar",
	"doc": "application/msword", "xls": "application/vnd.ms-excel", "ppt": "application/vnd.ms-powerpoint",
	"docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	"odt":  "application/vnd.oasis.opendocument.text", "ods": "application/vnd.oasis.opendocument.spreadsheet",
	"odp": "application/vnd.oasis.opendocument.presentation",
	"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "tif": "image/tiff",
	"tiff": "image/tiff", "bmp": "image/bmp", "webp": "image/webp", "eml": "message/rfc822",
}
