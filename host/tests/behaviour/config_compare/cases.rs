//! The configs that are compared, made from tables of options and values.

/// One config. Where ours is to differ from Supervisor's, `reason` says why.
pub(crate) struct Case {
    /// `{here}` stands for the directory of the file.
    pub(crate) text: String,
    pub(crate) reason: Option<&'static str>,
}

/// Why `%(here)s` or `%(host_node_name)s` is read here and not there.
const PLACE: &str = "where the config stands is known in every key";

/// Why a percent sign that is written twice is read here and not there.
const ONCE: &str = "what Supervisor expands twice and then cannot read is expanded once";

/// What ours does in another way on purpose: an option's name, a value, why. The lines before the option stand before
/// its name where its section matters.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "stdout_logfile_backups",
        "-1",
        "a negative number of things is none, which is what Supervisor takes it for when it runs",
    ),
    (
        "logfile_backups",
        "-1",
        "a negative number of things is none, which is what Supervisor takes it for when it runs",
    ),
    ("minfds", "-1", "a negative number of things is none, which is what Supervisor takes it for when it runs"),
    ("minprocs", "-1", "a negative number of things is none, which is what Supervisor takes it for when it runs"),
    ("stdout_logfile_maxbytes", "-1", "a negative size is no limit"),
    ("stdout_logfile_maxbytes", "-5MB", "a negative size is no limit"),
    ("stdout_capture_maxbytes", "-1", "a negative size is no limit"),
    ("stdout_capture_maxbytes", "-5MB", "a negative size is no limit"),
    ("logfile_maxbytes", "-1", "a negative size is no limit"),
    ("logfile_maxbytes", "-5MB", "a negative size is no limit"),
    ("[supervisord]\nenvironment", "A=\"%(host_node_name)s\"", PLACE),
    ("[supervisord]\nenvironment", "A=\"100%%\"", ONCE),
    ("[supervisord]\nenvironment", "A=\"bar_%%s_%%s\"", ONCE),
    ("[supervisord]\nenvironment", "A=\"%%(nope)s\",B=%(here)s", ONCE),
    ("[supervisord]\nenvironment", "A=\"%(ENV_PERCENT)s\"", ONCE),
    ("stdout_logfile", "/tmp/%%d.log", ONCE),
    ("stderr_logfile", "/tmp/%(ENV_PERCENT)s", ONCE),
    ("prompt", "%(here)s", PLACE),
    ("password", "%(here)s", PLACE),
    ("prompt", "%(host_node_name)s", PLACE),
    ("username", "%(host_node_name)s", PLACE),
    ("username", "%(here)s\npassword=%(here)s", PLACE),
    ("username", "%(host_node_name)s\npassword=%(here)s", PLACE),
    ("history_file", "%(here)s/%(host_node_name)s", PLACE),
    ("serverurl", "http://%(host_node_name)s:9001", PLACE),
    ("logfile", "/tmp/%(host_node_name)s.log", PLACE),
    ("pidfile", "%(here)s/%(host_node_name)s.pid", PLACE),
    ("identifier", "%(host_node_name)s", PLACE),
    ("file", "/tmp/%(host_node_name)s.sock", PLACE),
    ("socket", "unix:///tmp/%(host_node_name)s.sock", PLACE),
    ("programs", "a,", "Supervisor names the section of the program before it in place of the group's"),
];

const BOOLEANS: &[&str] =
    &["true", "False", "yes", "NO", "on", "off", "1", "0", "maybe", "", "2", "%(ENV_YES)s", "%(nope)s", "true ; why"];
const INTEGERS: &[&str] =
    &["0", "5", "-1", "+3", "007", "1_000", "0x10", "1.5", "soon", "", "%(ENV_FIVE)s", "5 # five", "5s"];
const SIZES: &[&str] = &["0", "10", "1KB", "2kb", "5MB", "1Gb", "1M", "-1", "-5MB", "1 MB", "KB", "much", ""];
const SIGNALS: &[&str] = &["TERM", "term", "SIGHUP", "sigusr2", "15", "9", " INT", "NOPE", "99", "-1", "1.5", ""];
const LOGFILES: &[&str] = &[
    "NONE",
    "none",
    "off",
    "AUTO",
    "auto",
    "/tmp/x.log",
    "/dev/stdout",
    "x.log",
    "%(here)s/x.log",
    "~/x.log",
    "",
    "/nonexistent/x.log",
    "/tmp/%(ENV_WORD)s.log",
    "/tmp/%%d.log",
    "/tmp/%(nope)s.log",
    "syslog",
];
const MODES: &[&str] = &["022", "22", "0", "0o77", "9", "rw", "", "777"];
const USERS: &[&str] = &["root", "0", "no-such-user", "-1", "", "99999999"];
const TEXTS: &[&str] = &[
    "plain",
    "two words",
    "a;b",
    "a ;b",
    "a #b",
    "a#b",
    "\"a # b\"",
    "100%%",
    "100%",
    "%(here)s",
    "%%(here)s",
    "%(ENV_WORD)s",
    "%(ENV_NOPE)s",
    "%(nope)s",
    "%s",
    "%d",
    "a=b=c",
    "a:b",
    "é",
    "x\n  continued",
    "x\n\n  after a blank line",
    "%(ENV_PERCENT)s",
    "%(ENV_WORD)10s|",
    "%(ENV_WORD)-6s|",
    "%(",
    "%(ENV_WORD",
    "%(ENV_WORD)",
    "%(ENV_WORD)d",
    "",
];
const DIRECTORIES: &[&str] = &["/tmp", "/nonexistent", "~", "%(here)s", "", "tmp", "/tmp/../tmp", "%(ENV_WORD)s"];
const ENVIRONMENTS: &[&str] = &[
    "A=1",
    "A=\"1\"",
    "A='1',B=\"2\"",
    "A=\"x, y\",B=z",
    "A=1,",
    "A=1 B=2",
    "A=1;B=2",
    "A=b c",
    "A=a@b",
    "A=x*y",
    "A=$HOME",
    "A=",
    "A",
    "=1",
    "A=1,B",
    "A=\"x'\"",
    "A='a=b'",
    "A=\"a=b=c\"",
    "A=\"%(ENV_WORD)s\"",
    "A=%(here)s",
    "A=\"100%%\"",
    "A=\"100%\"",
    "A=1,\n  B=2,\n  C=3",
    "A=1,A=2",
    "A=\"#x\"",
    "A=a#x",
    "A=\"unclosed",
    "A-B=1",
    "A.B=1",
    "A=é",
    "A=/usr/bin:/bin",
    "A=(x)",
    "",
    "A=\"%(host_node_name)s\"",
    "A=a+b-c.d",
    "lower=x",
    "PATH=\"/x:%(ENV_PATH)s\"",
    "A=\"%(ENV_PERCENT)s\"",
    "A=\"bar_%%s_%%s\"",
    "A=\"bar_%%%%s\"",
    "A=\"x%%s\"",
    "A=\"%%(here)s%%(ENV_WORD)s\"",
    "A=\"%%(nope)s\",B=%(here)s",
    "A=\"%%%%(nope)s\"",
    "A=\"%(nope)s%%(nope)s\"",
];
const PROGRAM_WORDS: &[&str] = &[
    "%(program_name)s",
    "%(group_name)s",
    "%(process_num)d",
    "%(process_num)02d",
    "%(numprocs)d",
    "%(numprocs)s",
    "%(host_node_name)s",
    "%(process_num)s",
    "%(process_num)5d|",
    "%(process_num)-3d|",
    "%(process_num)x",
    "%(process_num)c",
    "%(program_name)r",
    "%(program_name).2s",
    "%(program_name)5.1s",
    "%(here)s/%(program_name)s",
];

const PROGRAM: &[(&str, &[&str])] = &[
    ("command", TEXTS),
    ("command", PROGRAM_WORDS),
    (
        "process_name",
        &[
            "x",
            "%(program_name)s",
            "%(program_name)s_%(process_num)02d",
            "a b",
            "a:b",
            "a/b",
            "",
            "%(nope)s",
            "%(ENV_WORD)s",
            "é",
            "%(group_name)s-%(host_node_name)s",
            "100%",
            "%(process_num)",
        ],
    ),
    ("numprocs", INTEGERS),
    ("numprocs_start", INTEGERS),
    ("priority", INTEGERS),
    ("autostart", BOOLEANS),
    ("autorestart", BOOLEANS),
    ("autorestart", &["unexpected", "Unexpected", "never", "always", " unexpected"]),
    ("startsecs", INTEGERS),
    ("startretries", INTEGERS),
    ("stopsignal", SIGNALS),
    ("stopwaitsecs", INTEGERS),
    ("stopasgroup", BOOLEANS),
    ("killasgroup", BOOLEANS),
    ("exitcodes", &["0", "0,2", "0, 2", "", "256", "-1", "a", "0,,2", "0,", "00", "255"]),
    ("redirect_stderr", BOOLEANS),
    ("environment", ENVIRONMENTS),
    ("environment", &["A=\"%(program_name)s\"", "A=\"%(process_num)d\",B=\"%(numprocs)d\"", "A=\"%(group_name)s\""]),
    ("serverurl", &["AUTO", "auto", " Auto ", "http://x:1", "unix:///x", "", "%(ENV_WORD)s"]),
    ("user", USERS),
    ("umask", MODES),
    ("directory", DIRECTORIES),
    ("directory", PROGRAM_WORDS),
    ("stdout_logfile", LOGFILES),
    ("stdout_logfile", &["/tmp/%(program_name)s_%(process_num)d", "/tmp/%%(program_name)s", "%(here)s/%(group_name)s"]),
    ("stdout_logfile_maxbytes", SIZES),
    ("stdout_logfile_backups", INTEGERS),
    ("stdout_capture_maxbytes", SIZES),
    ("stdout_events_enabled", BOOLEANS),
    ("stdout_syslog", BOOLEANS),
    ("stderr_logfile", &["NONE", "/tmp/x.err", "AUTO", "/nonexistent/x", "/tmp/%(ENV_PERCENT)s", "/tmp/%%%%d"]),
    ("stderr_logfile_maxbytes", &["0", "7MB", "x"]),
    ("stderr_logfile_backups", &["0", "3", "x"]),
    ("stderr_capture_maxbytes", &["1MB", "x"]),
    ("stderr_events_enabled", &["true", "x"]),
    ("stderr_syslog", &["true", "x"]),
    ("unknown_key", &["x", "100%", "%(nope)s"]),
];

const SUPERVISORD: &[(&str, &[&str])] = &[
    ("minfds", INTEGERS),
    ("minprocs", INTEGERS),
    ("directory", DIRECTORIES),
    ("user", USERS),
    ("umask", MODES),
    ("logfile", LOGFILES),
    ("logfile_maxbytes", SIZES),
    ("logfile_backups", INTEGERS),
    ("loglevel", &["info", "DEBUG", "warn", "error", "critical", "trace", "blather", "warning", "loud", "", "10"]),
    (
        "pidfile",
        &[
            "/tmp/x.pid",
            "x.pid",
            "%(here)s/x.pid",
            "%(here)s/%(host_node_name)s.pid",
            "~/x.pid",
            "/nonexistent/x.pid",
            "",
        ],
    ),
    ("identifier", TEXTS),
    ("identifier", &["%(host_node_name)s"]),
    ("logfile", &["/tmp/%(host_node_name)s.log"]),
    ("nodaemon", BOOLEANS),
    ("silent", BOOLEANS),
    ("childlogdir", DIRECTORIES),
    ("nocleanup", BOOLEANS),
    ("strip_ansi", BOOLEANS),
    ("environment", ENVIRONMENTS),
];

const UNIX_SERVER: &[(&str, &[&str])] = &[
    (
        "file",
        &[
            "/tmp/x.sock",
            "%(here)s/x.sock",
            "~/x.sock",
            "x.sock",
            "/tmp/../tmp/x.sock",
            "%(ENV_WORD)s",
            "/tmp/%(host_node_name)s.sock",
        ],
    ),
    ("chmod", MODES),
    ("chown", &["root", "root:root", "0:0", "no-such-user", "root:no-such-group", ":", ""]),
    ("username", &["u"]),
    ("password", &["p"]),
    (
        "username",
        &[
            "u\npassword=p",
            "u\npassword={SHA}82ab876d1387bfafe46cc1c8a2ef074eae50cb1d",
            "%(ENV_WORD)s\npassword=p%%",
            "%(host_node_name)s\npassword=%(here)s",
        ],
    ),
];

const INET_SERVER: &[(&str, &[&str])] = &[
    ("port", &["9001", ":9001", "*:9001", "127.0.0.1:9001", "LOCALHOST:9001", "localhost:x", "0", "65536", "-1", ""]),
    ("username", &["u"]),
    ("password", &["p"]),
    ("username", &["u\npassword=p", "u\npassword=", "%(here)s\npassword=%(here)s"]),
];

const CLIENT: &[(&str, &[&str])] = &[
    (
        "serverurl",
        &[
            "http://localhost:9001",
            "unix:///tmp/s.sock",
            "unix://%(here)s/../s.sock",
            "unix://~/s.sock",
            "unix://s.sock",
            "",
            "nonsense",
            "%(ENV_WORD)s",
            "%(nope)s",
            "http://%(host_node_name)s:9001",
        ],
    ),
    ("prompt", TEXTS),
    ("prompt", &["%(host_node_name)s"]),
    ("username", &["u", "", "%(ENV_WORD)s", "100%%", "100%", "%(host_node_name)s"]),
    ("password", &["p", "%(here)s"]),
    ("history_file", &["~/.history", "%(here)s/h", "h", "", "/tmp/../tmp/h", "%(here)s/%(host_node_name)s"]),
    ("unknown_key", &["x"]),
];

const GROUP: &[(&str, &[&str])] = &[
    ("programs", &["a", "a,b", " a , b ", "b,a", "a,", "", "nope", "a b", "a,a", "f", "both"]),
    ("priority", INTEGERS),
];

const LISTENER: &[(&str, &[&str])] = &[
    (
        "events",
        &[
            "TICK_5",
            "tick_5,TICK_60",
            "EVENT",
            "PROCESS_STATE, PROCESS_LOG",
            "",
            "TICK_5,",
            "NOPE",
            "process_state_running",
        ],
    ),
    ("buffer_size", INTEGERS),
    ("priority", INTEGERS),
    ("redirect_stderr", BOOLEANS),
    ("numprocs", &["2\nprocess_name=%(program_name)s_%(process_num)d", "2"]),
    ("result_handler", &["supervisor.dispatchers:default_handler"]),
];

const FCGI: &[(&str, &[&str])] = &[
    (
        "socket",
        &[
            "unix:///tmp/x.sock",
            "unix:///tmp/../tmp/%(program_name)s.sock",
            "unix://x.sock",
            "tcp://localhost:9002",
            "tcp://LOCALHOST:9002",
            "tcp://127.0.0.1:0",
            "tcp://127.0.0.1:70000",
            "tcp://:9002",
            "tcp://localhost",
            "tcp://a b:1",
            "nope",
            "",
            "unix://%(here)s/x",
            "unix:///tmp/%(group_name)s",
            "unix:///tmp/%(ENV_WORD)s",
            "tcp://localhost:x",
            "unix:///tmp/%(host_node_name)s.sock",
        ],
    ),
    ("socket_backlog", INTEGERS),
    ("socket_backlog", &["65535", "65536"]),
    ("socket_mode", MODES),
    ("socket_owner", &["root", "root:root", "no-such-user", "", "root:"]),
    ("user", USERS),
    ("numprocs", &["2\nprocess_name=%(process_num)d"]),
];

/// Whole configs: what needs more than one option, and what is about the syntax.
const WHOLE: &[&str] = &[
    "[supervisord]\n",
    "",
    "[program:x]\ncommand=x\n",
    "[supervisord]\n[program:x]\n",
    "[supervisord]\n[program:x]\ncommand=x\nnumprocs=3\nprocess_name=%(program_name)s_%(process_num)02d\nnumprocs_start=9\n",
    "[supervisord]\n[program:x]\ncommand=%(ENV_A)s-%(ENV_B)s\nenvironment=A=own,B=\"%(process_num)d\"\n",
    "[supervisord]\nenvironment=A=1,B=2\n[program:x]\ncommand=%(ENV_A)s\nenvironment=B=3\n",
    "[supervisord]\nenvironment=WORD=new\nidentifier=%(ENV_WORD)s\n[program:x]\ncommand=%(ENV_WORD)s\n",
    "[supervisord]\n[program:x]\ncommand=x\nstopasgroup=true\nkillasgroup=false\n",
    "[supervisord]\n[program:x]\ncommand=x\nstopasgroup=true\n",
    "[supervisord]\n[program:x]\ncommand=x\nredirect_stderr=true\nstderr_logfile=/tmp/x\n",
    "[supervisord]\n[program:x]\ncommand=x\nstdout_logfile_maxbytes=0\n",
    "[supervisord]\n[program: x ]\ncommand=%(program_name)s|\n",
    "[supervisord]\n[program:a b]\ncommand=x\n",
    "[supervisord]\n[program:a/b]\ncommand=x\n",
    "[supervisord]\n[program:a:b]\ncommand=x\n",
    "[supervisord]\n[program:]\ncommand=x\n",
    "[supervisord]\n[program:é]\ncommand=x\n",
    "[supervisord]\n[program:x] text\ncommand=x\n",
    "  [supervisord]\nidentifier=indented\n",
    "[supervisord]\nidentifier : colon\n",
    "[supervisord]\nIDENTIFIER=capitals\n",
    "[supervisord]\nidentifier\n",
    "[supervisord]\n=x\n",
    "[supervisord\n",
    "identifier=x\n[supervisord]\n",
    "[supervisord]\r\nidentifier=dos\r\n",
    "\u{feff}[supervisord]\n",
    "; a comment\n# another\n[supervisord]\n; inside\nidentifier=x\n# inside\n",
    "[supervisord]\nidentifier=a\nidentifier=b\n[supervisord]\nloglevel=warn\n",
    "[DEFAULT]\npriority=5\n[supervisord]\n[program:x]\ncommand=x\n",
    "[DEFAULT]\nstartsecs=soon\n[supervisord]\n[program:x]\ncommand=x\n",
    "[supervisord]\n[program:x]\ncommand=a\n[program:x]\nstartsecs=5\n",
    "[supervisord]\n[nonsense]\nx=y\n[program:x]\ncommand=a\n",
    "[supervisord]\n[include]\n",
    "[supervisord]\n[include]\nfiles=none-*.conf\n",
    "[supervisord]\n[include]\nfiles={here}/inc/*.conf\n",
    "[supervisord]\n[include]\nfiles=inc/b.conf inc/a.conf\n[program:a]\ncommand=main\npriority=3\n",
    "[supervisord]\n[include]\nfiles=%(here)s/inc/a.conf\n",
    "[supervisord]\n[include]\nfiles=%(nope)s\n",
    "[supervisord]\n[include]\nfiles=%(ENV_WORD)s.conf %(host_node_name)s.conf\n",
    "[supervisord]\n[include]\nfiles=inc/broken.inc\n",
    "[supervisord]\nidentifier=%%%(here)s %(here)s\n[include]\nfiles=inc/a.conf\n",
    "[supervisord]\n[inet_http_server]\n",
    "[supervisord]\n[unix_http_server]\n",
    "[supervisord]\n[inet_http_server]\nport=1\n[inet_http_server:b]\nport=2\n[unix_http_server]\nfile=/tmp/s\n[program:x]\ncommand=x\n",
    "[supervisord]\n[inet_http_server]\nport=1\n[inet_http_server:b]\nport=localhost:2\n[program:x]\ncommand=x\n",
    "[supervisord]\n[rpcinterface:x]\n",
    "[supervisord]\n[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n",
    "[supervisord]\n[eventlistener:l]\ncommand=l\n",
    "[supervisord]\n[eventlistener:l]\nevents=TICK_5\n",
    "[supervisord]\n[eventlistener:a b]\ncommand=l\nevents=TICK_5\n",
    "[supervisord]\n[fcgi-program:f]\ncommand=f\n",
    "[supervisord]\n[fcgi-program:f]\nsocket=unix:///tmp/f\n",
    "[supervisord]\n[fcgi-program:f]\ncommand=f\nsocket=tcp://localhost:1\nsocket_mode=0700\n",
    "[supervisord]\n[fcgi-program:f]\ncommand=f\nsocket=tcp://localhost:1\nsocket_owner=root\n",
    "[supervisord]\n[fcgi-program:a b]\ncommand=f\nsocket=unix:///tmp/f\n",
    "[supervisord]\n[group:a b]\nprograms=\n",
    "[supervisord]\n[group:g]\n",
    "[supervisord]\n[program:g]\ncommand=x\npriority=1\n[program:h]\ncommand=h\n[group:g]\nprograms=h\npriority=2\n",
    "[supervisord]\n[program:z]\ncommand=z\npriority=1\n[program:y]\ncommand=y\npriority=1\n[program:a]\ncommand=a\n",
    "[supervisord]\nminfds=x\n[program:x]\ncommand=x\nstartsecs=y\n[inet_http_server]\nport=z\n",
];

/// Whole configs that ours reads in another way on purpose.
const WHOLE_DIFFERENCES: &[(&str, &str)] = &[
    ("[supervisord]\nidentifier=%%(here)s\n[include]\nfiles=inc/a.conf\n", ONCE),
    ("[supervisord]\nidentifier=%%%%%%(here)s %(here)s\n[include]\nfiles=inc/a.conf\n", ONCE),
    (
        "[supervisord]\n[inet_http_server]\nport=no-such-host.invalid:2\n",
        "a host is looked up when the config is read, so that nothing waits for it later",
    ),
    (
        "[supervisord]\n[fcgi-program:f]\ncommand=f\nsocket=tcp://no-such-host.invalid:2\n",
        "a host is looked up when the config is read, so that nothing waits for it later",
    ),
    (
        "[supervisord]\n[eventlistener: l ]\ncommand=l\nevents=TICK_5\n",
        "a pool is named as every other group is, without blanks around its name",
    ),
];

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    let mut cases: Vec<Case> = WHOLE.iter().map(|text| Case { text: (*text).to_owned(), reason: None }).collect();
    cases.extend(WHOLE_DIFFERENCES.iter().map(|&(text, reason)| Case { text: text.to_owned(), reason: Some(reason) }));
    let mut add = |options: &[(&str, &[&str])], before: &str, after: &str| {
        for (key, values) in options {
            for value in *values {
                let reason = DIFFERENCES
                    .iter()
                    .find(|it| it.0.strip_prefix(before).unwrap_or(it.0) == *key && it.1 == *value)
                    .map(|it| it.2);
                cases.push(Case { text: format!("{before}{key}={value}\n{after}"), reason });
            }
        }
    };
    add(PROGRAM, "[supervisord]\n[program:x]\ncommand=/bin/cat\n", "");
    add(SUPERVISORD, "[supervisord]\n", "");
    add(UNIX_SERVER, "[supervisord]\n[unix_http_server]\nfile=/tmp/s.sock\n", "[program:x]\ncommand=x\n");
    add(CLIENT, "[supervisord]\n[supervisorctl]\n", "");
    add(INET_SERVER, "[supervisord]\n[inet_http_server]\nport=9001\n", "[program:x]\ncommand=x\n");
    let programs = "[program:a]\ncommand=%(group_name)s\n[program:b]\ncommand=b\nnumprocs=2\n\
                    process_name=b%(process_num)d\n[program:both]\ncommand=x\n[fcgi-program:both]\ncommand=x\n\
                    socket=unix:///tmp/both\n[fcgi-program:f]\ncommand=f\nsocket=unix:///tmp/f\n";
    add(GROUP, &format!("[supervisord]\n{programs}[group:g]\nprograms=a,b\n"), "");
    add(LISTENER, "[supervisord]\n[eventlistener:l]\ncommand=l\nevents=TICK_5\n", "");
    add(FCGI, "[supervisord]\n[fcgi-program:f]\ncommand=f\nsocket=unix:///tmp/f.sock\n", "");
    cases
}
