// SPDX-License-Identifier: Apache-2.0

//go:build !testclock

package catalog

const clockMayShift = false
