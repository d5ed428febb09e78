// SPDX-License-Identifier: Apache-2.0

// Package web is the browser door: the link that mails and letters carry for
// ever, the page of the first sign-in, and the page where a person lets a
// program in. Content is still shown by the WebDAV door. There is no session:
// each form carries what it needs, so nothing is left behind in a browser. No
// rule of the mailbox and no check of a password lives here.
package web

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"postfach/auth"
	"postfach/mailbox"
	"postfach/reply"
)

// Access is what the pages and programs ask of sign-ins.
type Access interface {
	SignIn(ctx context.Context, r *http.Request, login, password string) (auth.Visitor, error)
	Activate(ctx context.Context, r *http.Request, ticket, password string) (mailbox.Actor, error)

	OpenDevices(ctx context.Context, r *http.Request, v auth.Visitor) (auth.Devices, error)
	EndDevice(ctx context.Context, r *http.Request, ticket string, id auth.AppPasswordID) (auth.Devices, error)

	BeginFlow(r *http.Request) (token, page string)
	ReadFlow(ctx context.Context, r *http.Request, page string) (auth.FlowRequest, error)
	AllowFlow(ctx context.Context, r *http.Request, f auth.FlowRequest, v auth.Visitor, name string) error
	FetchFlow(ctx context.Context, r *http.Request, token string) (login, password string, err error)

	Program(ctx context.Context, r *http.Request) (auth.Program, error)
	AddAppPassword(ctx context.Context, r *http.Request, p auth.Program) (string, error)
	DropAppPassword(ctx context.Context, r *http.Request, p auth.Program) error
}

var _ Access = (*auth.Authenticator)(nil)

// Provider is the OpenID provider that programs may sign in by.
type Provider interface {
	Metadata() (map[string]json.RawMessage, error)
}

// Options of a Handler.
type Options struct {
	Provider Provider       // nil for none
	URL      string         // public base without a slash at its end
	Upload   string         // name of the folder that members upload into, for the help page
	MaxSize  int64          // largest file, in bytes, for the help page; 0 says nothing about it
	Timezone *time.Location // of times on pages; nil means UTC
	Log      *slog.Logger   // nil discards
}

// Handler serves the browser's paths and hands everything else to the WebDAV
// door.
type Handler struct {
	access Access
	reply  *reply.Writer
	door   http.Handler
	o      Options
	cross  *http.CrossOriginProtection

	connection connection // what the help page says
}

// New makes the door. Pages are served at paths of their own; what is none of
// them goes to the WebDAV door.
func New(door http.Handler, a Access, w *reply.Writer, o Options) (*Handler, error) {
	if o.Timezone == nil {
		o.Timezone = time.UTC
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{access: a, reply: w, door: door, o: o, cross: http.NewCrossOriginProtection()}
	var err error
	if h.connection, err = newConnection(o.URL, o.Upload, o.MaxSize); err != nil {
		return nil, err
	}
	return h, h.cross.AddTrustedOrigin(o.URL)
}

// Paths that do not change: they stand in letters, or in programs.
const (
	pathSignIn   = "/anmelden"
	pathPassword = "/anmelden/kennwort"
	pathMailbox  = "/postfach/"
	pathFlow     = "/index.php/login/v2"
	pathFlowPoll = "/index.php/login/v2/poll"
	pathFlowPage = "/index.php/login/v2/flow/"
	pathProvider = "/.well-known/openid-configuration"
	pathGetApp   = "/ocs/v2.php/core/getapppassword"
	pathApp      = "/ocs/v2.php/core/apppassword"
)

// route is what a path is served by, for each method.
type route map[string]func(*Handler, http.ResponseWriter, *http.Request)

var routes = map[string]route{
	pathSignIn:    {"GET": (*Handler).signInPage, "POST": (*Handler).signIn},
	pathPassword:  {"POST": (*Handler).choose},
	pathDevices:   {"GET": (*Handler).devicesPage, "POST": (*Handler).devices},
	pathEndDevice: {"POST": (*Handler).endDevice},
	pathFlow:      {"POST": (*Handler).beginFlow},
	pathFlowPoll:  {"POST": (*Handler).pollFlow},
	pathGetApp:    {"GET": (*Handler).getAppPassword},
	pathApp:       {"DELETE": (*Handler).dropAppPassword},

	HelpPath:        {"GET": (*Handler).help},
	pathFileLimit:   {"GET": (*Handler).registryFile},
	pathFolderLimit: {"GET": (*Handler).registryFile},
}

var (
	providerRoute = route{"GET": (*Handler).provider}
	mailboxRoute  = route{"GET": (*Handler).mailboxPage}
	flowPageRoute = route{"GET": (*Handler).flowPage, "POST": (*Handler).allow}
)

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	to, ok := routes[path]
	switch {
	case path == pathProvider && h.o.Provider != nil:
		to = providerRoute
	case ok:
	case path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		begin(w, r)
		return
	case strings.HasPrefix(path, pathFlowPage):
		to = flowPageRoute
	case mailboxNumber(r) != "" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		to = mailboxRoute
	default:
		h.door.ServeHTTP(w, r)
		return
	}
	reply.Track(r)
	w.Header().Set("Cache-Control", "no-store")
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	serve, ok := to[method]
	if !ok {
		w.Header().Set("Allow", to.allow())
		h.reply.Fail(w, r, "", reply.WithStatus(http.StatusMethodNotAllowed, mailbox.E(mailbox.Unsupported, mailbox.ReasonMethod)))
		return
	}
	serve(h, w, r)
}

// begin leads from the bare address to the page of the sign-in, and who has
// signed in to the files. Without credentials the way must not end in a
// challenge: Nextcloud's desktop would take that for a server that knows
// passwords only, and not begin its login flow.
func begin(w http.ResponseWriter, r *http.Request) {
	to := pathSignIn
	if r.Header.Get("Authorization") != "" {
		to = "/dav/"
	}
	w.Header().Set("Location", to)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}

func (t route) allow() string {
	var all []string
	for _, m := range []string{"GET", "POST", "DELETE"} {
		if t[m] != nil {
			all = append(all, m)
		}
	}
	return strings.Join(all, ", ")
}

// mailboxNumber is the number in /postfach/<number>, "" for other paths. Nothing
// is looked up: the page is the same whether there is such a mailbox or not.
func mailboxNumber(r *http.Request) string {
	number, ok := strings.CutPrefix(r.URL.Path, pathMailbox)
	number = strings.TrimSuffix(number, "/")
	if !ok || len(number) > 100 || strings.Contains(number, "/") {
		return ""
	}
	return number
}

// mailboxHref is where the content of a mailbox is shown; without a number,
// where all of the account's are.
func mailboxHref(number string) string {
	if number == "" {
		return "/dav/"
	}
	return "/dav/" + url.PathEscape(number) + "/"
}
