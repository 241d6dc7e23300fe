//! Bad config files and bad plugins: each gets the error that names the thing, and nothing that runs is disturbed.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use crate::common::{Config, Kind, Output, Sandbox, Supervisord, http, plugin_path};

/// A config that is right but for one section.
fn with(header: &str, lines: &str) -> Config {
    Config::new().section(header, lines)
}

/// The usage error of a supervisord that does not start: its status, its form, and what it must name.
#[track_caller]
fn names(output: &Output, what: &[&str]) {
    assert_eq!(output.status, 2, "{output:#?}");
    let message = &output.stderr;
    assert!(message.starts_with("Error: ") && message.contains("\nFor help, use "), "{message}");
    for text in what {
        assert!(message.contains(text), "no {text:?} in\n{message}");
    }
}

/// What both say word for word, ours with more behind it: where it stands, and what would be right.
#[test]
fn values_that_do_not_fit() {
    let cases = [
        ("supervisord", "loglevel=loud", "bad logging level name 'loud'"),
        (
            "supervisord",
            "logfile=/nonexistent/x.log",
            "The directory named as part of the path /nonexistent/x.log does not exist",
        ),
        ("program:x", "command=/bin/cat\nstartsecs=soon", "invalid literal for int() with base 10: 'soon'"),
        ("program:x", "autostart=true", "program section program:x does not specify a command"),
        ("program:x", "command=/bin/cat\nautorestart=perhaps", "invalid 'autorestart' value 'perhaps'"),
        ("program:x", "command=/bin/cat\nstopsignal=NOPE", "value 'NOPE' is not a valid signal name"),
        ("program:x", "command=%(nope)s", "names ('nope') which cannot be expanded"),
        ("group:g", "programs=a", "[group:g] names unknown program or fcgi-program a"),
        ("inet_http_server", "port=abc", "not a valid port number: 'abc'"),
        ("supervisord", "logfile_maxbytes=1M", "invalid literal for int() with base 10: '1m'"),
        ("supervisord", "umask=888", "888 can not be converted to an octal type"),
        ("supervisord", "user=99999", "Invalid user id 99999"),
        ("supervisord", "environment=A", "Unexpected end of key/value pairs in value 'A'"),
        ("supervisord", "identifier=100%", "for 'supervisord.identifier' is badly formatted: incomplete format"),
        (
            "program:x",
            "command=/bin/cat\nnumprocs=2",
            "%(process_num) must be present within process_name when numprocs",
        ),
        ("program:x", "command=/bin/cat\nprocess_name=a b", "Invalid name: 'a b' because of character: ' '"),
        ("program:x", "command=/bin/cat\npriority=high", "invalid literal for int() with base 10: 'high'"),
        (
            "program:x",
            "command=/bin/cat\nstopasgroup=true\nkillasgroup=false",
            "Cannot set stopasgroup=true and killasgroup=false in section 'program:x'",
        ),
        ("program:x", "command=/bin/cat\nexitcodes=300", "not a valid list of exit codes: '300'"),
        ("program:a:b", "command=/bin/cat", "Invalid name: 'a:b' because of character: ':'"),
        ("inet_http_server", "port=:", "no port number specified in ''"),
        ("inet_http_server", "port=1:99999", "99999 is above upper bound (65535)"),
        ("inet_http_server", "username=a", "contains incomplete authentication"),
        ("unix_http_server", "chmod=9", "Invalid chmod value 9"),
        ("unix_http_server", "chown=nope", "Invalid sockchown value nope"),
        ("include", "", "file has [include] section, but no files setting"),
        ("rpcinterface:x", "", "section [rpcinterface:x] does not specify a supervisor.rpcinterface_factory"),
    ];
    for (header, lines, message) in cases {
        for kind in [Kind::Real, Kind::Ours] {
            names(&Supervisord::run(kind, &with(header, lines)), &[message]);
        }
    }
}

/// Ours says where.
#[test]
fn the_place_of_a_mistake() {
    let config = with("program:web", "command=/bin/cat\nstartsecs=soon");
    let output = Supervisord::run(Kind::Ours, &config);
    let line = config.render("", 0).lines().position(|line| line == "startsecs=soon").expect("the mistake") + 1;
    names(
        &output,
        &["program:web", "startsecs", "soon", "supervisord.conf", &line.to_string(), "takes a whole number"],
    );
    assert_eq!(output.stderr.matches("supervisord.conf").count(), 1, "{output:#?}");
}

#[test]
fn files_that_are_no_config() {
    for kind in [Kind::Real, Kind::Ours] {
        let run = |text: &str| Supervisord::run(kind, &Config::text("supervisord.conf", text));
        names(&run("[supervisord]\nthis is no line\n"), &["supervisord.conf", "2", "this is no line"]);
        names(&run("no section\n"), &["File contains no section headers.", "supervisord.conf", "no section"]);
        names(&run("[inet_http_server]\nport=127.0.0.1:{port}\n"), &[".ini file does not include supervisord section"]);
    }
    let run = |text: &str| Supervisord::run(Kind::Ours, &Config::text("supervisord.toml", text));
    names(&run("[supervisord]\nnodaemon = \n"), &["supervisord.toml", "2"]);
    names(&run("[program.x]\ncommand = [5]\n[supervisord]\n"), &["supervisord.toml", "program:x", "command"]);
}

#[test]
fn a_file_that_is_not_there() {
    let sandbox = Sandbox::new();
    for kind in [Kind::Real, Kind::Ours] {
        let mut command = crate::common::supervisord_command(&sandbox, kind, Path::new("/nonexistent.conf"));
        let status = command.status().expect("supervisord can be run").code();
        let stderr = sandbox.read("stderr.txt");
        assert_eq!(status, Some(2));
        assert!(stderr.starts_with("Error: could not find config file /nonexistent.conf\nFor help, use "), "{stderr}");
    }
}

/// Supervisor passes over it in silence, and starts without what the file says.
#[test]
fn an_include_that_cannot_be_read() {
    let sandbox = Sandbox::new();
    symlink("nowhere", sandbox.join("extra.conf")).expect("a link to nothing");
    let output = Supervisord::run_in(&sandbox, Kind::Ours, &with("include", "files=*ra.conf"));
    names(&output, &[&format!("could not read included file {}/extra.conf", sandbox.here())]);
}

#[test]
fn an_include_that_is_a_directory() {
    for kind in [Kind::Real, Kind::Ours] {
        let sandbox = Sandbox::new();
        fs::create_dir(sandbox.join("extra.conf")).expect("a directory in place of a file");
        let supervisord = Supervisord::start_in(sandbox, kind, &with("include", "files=extra.conf"));
        if kind == Kind::Ours {
            supervisord.wait_for_log("WARN Ignored the directory");
        }
    }
}

#[test]
fn an_include_that_matches_nothing() {
    for supervisord in Supervisord::both(&with("include", "files=/nonexistent/*.conf")) {
        supervisord.wait_for_log("WARN No file matches via include \"/nonexistent/*.conf\"");
    }
}

/// Supervisor accepts what it does not know, so that ours must too; but it says so.
#[test]
fn keys_and_sections_that_nobody_knows() {
    let config = with("program:cat", "command=/bin/cat\nautorestrat=true\nstartsecs=0")
        .section("supervisord", "identifer=typo")
        .section("progam:typo", "command=/bin/cat");
    for supervisord in Supervisord::both(&config) {
        supervisord.wait_for_state("cat", "RUNNING");
        if supervisord.kind == Kind::Ours {
            let line = supervisord.wait_for_log("autorestrat");
            for text in ["WARN", "supervisord.conf", "program:cat", "autorestart"] {
                assert!(line.contains(text), "no {text:?} in {line:?}");
            }
            assert!(supervisord.wait_for_log("identifer").contains("identifier"));
            assert!(supervisord.wait_for_log("progam:typo").starts_with("WARN"));
        }
    }
}

#[test]
fn another_supervisord_on_the_same_port() {
    for supervisord in Supervisord::both(&Config::new()) {
        let config = supervisord.sandbox.read("supervisord.conf").replace(supervisord.sandbox.here(), "{here}");
        let output = Supervisord::run(supervisord.kind, &Config::text("supervisord.conf", &config));
        names(
            &output,
            &[
                "Error: Another program is already listening on a port that one of our HTTP servers is configured to use.  \
               Shut this program down first before starting supervisord.\n",
            ],
        );
        supervisord.doctest(">>> inet.cache.getCount(), unix.cache.getCount()\n(0, 0)\n");
    }
}

/// An `[rpcinterface:x]` with that factory and further keys, in a sandbox that may hold libraries.
fn plugin(sandbox: &Sandbox, factory: &str, options: &str) -> Output {
    let lines = format!("supervisor.rpcinterface_factory={factory}\n{options}");
    Supervisord::run_in(sandbox, Kind::Ours, &with("rpcinterface:x", &lines))
}

#[test]
fn a_plugin_that_is_missing() {
    let sandbox = Sandbox::new();
    names(&plugin(&sandbox, "nowhere.module:make", ""), &["rpcinterface:x", "libnowhere.so", "target"]);
    names(
        &plugin(&sandbox, "./libnowhere.so:make", ""),
        &["rpcinterface:x", &format!("{}/libnowhere.so", sandbox.here())],
    );
    names(&plugin(&sandbox, "no factory at all", ""), &["rpcinterface:x", "no factory at all"]);
    let nothing = plugin(&sandbox, "unruly_plugin:make_nothing", "");
    names(&nothing, &["rpcinterface:x", "make_nothing", "libunruly_plugin.so", "make_unruly_rpcinterface"]);
}

#[test]
fn a_file_that_is_no_plugin() {
    let sandbox = Sandbox::new();
    sandbox.write("libtext.so", "this is no library");
    names(&plugin(&sandbox, "./libtext.so:make", ""), &["rpcinterface:x", "libtext.so"]);
    // A library that everybody has, and that is no plugin.
    let maps = fs::read_to_string("/proc/self/maps").expect("the libraries of this process");
    let libc = maps.split_whitespace().find(|word| word.contains("/libc.so") || word.contains("/libc-")).expect("libc");
    fs::copy(libc, sandbox.join("libordinary.so")).expect("a copy");
    let output = plugin(&sandbox, "./libordinary.so:make", "");
    names(&output, &["rpcinterface:x", "libordinary.so"]);
    assert!(output.stderr.lines().count() <= 4, "{}", output.stderr);
}

#[test]
fn a_plugin_that_others_can_write() {
    let sandbox = Sandbox::new();
    let directories = plugin_path();
    let mut built = std::env::split_paths(&directories).map(|directory| directory.join("libunruly_plugin.so"));
    let built = built.find(|path| path.exists()).expect("the plugin is built with the tests");
    let copy = sandbox.join("libunruly_plugin.so");
    fs::copy(built, &copy).expect("a copy");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o777)).expect("a mode");
    let output = plugin(&sandbox, "./libunruly_plugin.so:make_unruly_rpcinterface", "");
    names(&output, &["rpcinterface:x", copy.to_str().expect("a plain path"), "writ"]);
    // The very same file is taken once nobody else can write it.
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("a mode");
    let factory = "supervisor.rpcinterface_factory=./libunruly_plugin.so:make_unruly_rpcinterface";
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &with("rpcinterface:x", factory));
    supervisord.wait_for_log("RPC interface 'x' initialized");
}

#[test]
fn a_constructor_that_panics_or_refuses() {
    let sandbox = Sandbox::new();
    let output = plugin(&sandbox, "unruly_plugin:make_panicking_rpcinterface", "");
    names(&output, &["rpcinterface:x", "make_panicking_rpcinterface", "panicked", "no interface today"]);
    let output = plugin(&sandbox, "unruly_plugin:make_refusing_rpcinterface", "");
    names(&output, &["rpcinterface:x", "the moon is not full"]);
}

#[test]
fn options_of_a_plugin() {
    let sandbox = Sandbox::new();
    let choosy = |options| plugin(&sandbox, "unruly_plugin:make_choosy_rpcinterface", options);
    names(&choosy("times=3\nloudley=yes"), &["rpcinterface:x", "loudley", "'times'", "'loudly'"]);
    names(&choosy("times=often"), &["rpcinterface:x", "times", "often"]);
    names(&choosy(""), &["rpcinterface:x", "times"]);
    // The cache has no options at all.
    let cache = plugin(&sandbox, "supervisor_cache.rpcinterface:make_cache_rpcinterface", "size=5");
    names(&cache, &["rpcinterface:x", "size"]);
    let lines = "supervisor.rpcinterface_factory=unruly_plugin:make_choosy_rpcinterface\ntimes=%(ENV_TIMES_NOT_SET)s";
    names(&Supervisord::run(Kind::Ours, &with("rpcinterface:x", lines)), &["rpcinterface:x", "ENV_TIMES_NOT_SET"]);
    let lines =
        "supervisor.rpcinterface_factory=unruly_plugin:make_choosy_rpcinterface\ntimes=3 ; an option\nloudly=Yes";
    Supervisord::start(&with("rpcinterface:x", lines)).wait_for_log("INFO unruly: times 3, loudly true");
}

/// supervisorctl says so as soon as the plugin could matter; its own commands work all the same.
#[test]
fn a_ctl_plugin_that_is_missing() {
    let config = Config::new().section("ctlplugin:x", "supervisor.ctl_factory=nowhere:make_nothing_controllerplugin");
    let supervisord = Supervisord::start(&config);
    for arguments in [&["help"][..], &["x_command"]] {
        let stderr = supervisord.ctl(arguments).stderr;
        assert!(stderr.contains("ctlplugin:x") && stderr.contains("libnowhere.so"), "{arguments:?}: {stderr}");
    }
    assert_eq!(supervisord.ctl(&["version"]).text(), "4.3.0\n");
}

/// What hostile and broken clients send. Whatever the answer, supervisord, its programs and its cache are as before.
#[test]
fn whatever_is_sent_the_programs_go_on() {
    let supervisord = Supervisord::start(&with("program:cat", "command=/bin/cat\nstartsecs=0"));
    supervisord.wait_for_state("cat", "RUNNING");
    supervisord.call("cache.store", &["key", "value"]);
    let pid = supervisord.pid_of("cat");
    let bomb = format!(
        "<!DOCTYPE b [<!ENTITY a0 'ha'>{}]>{}",
        (1..30)
            .map(|n| ["<!ENTITY a", &n.to_string(), " '&a", &(n - 1).to_string(), ";&a", &(n - 1).to_string(), ";'>"]
                .concat())
            .collect::<String>(),
        http::call("cache.store", &["bomb", "&a29;"])
    );
    let nested = |depth| {
        let open = "<value><array><data>".repeat(depth);
        let close = "</data></array></value>".repeat(depth);
        format!(
            "<methodCall><methodName>cache.store</methodName><params><param>{open}{close}</param></params></methodCall>"
        )
    };
    let whole = http::call("cache.store", &["half", "value"]);
    let mut bodies: Vec<Vec<u8>> = (0..whole.len()).step_by(7).map(|end| whole.as_bytes()[..end].to_vec()).collect();
    bodies.extend([bomb, nested(100), nested(100_000), "<".repeat(100_000), "no XML".into()].map(String::into_bytes));
    bodies.push(http::call("cache.store", &["key"]).into_bytes().repeat(3));
    bodies.push(b"<methodCall><methodName>\xff\xfe</methodName></methodCall>".to_vec());
    bodies.push(http::call("cache.store", &["nul", "&#0;"]).into_bytes());
    bodies.push(vec![0; 100_000]);
    for body in bodies.iter().filter(|body| !body.is_empty()) {
        let answer = supervisord.post("/RPC2", body);
        let fine = answer.status == 200 && answer.text().contains("<fault>") || (400..500).contains(&answer.status);
        let shown = String::from_utf8_lossy(&body[..body.len().min(100)]).into_owned();
        assert!(fine, "{shown}… was answered with {} {}", answer.status, answer.text());
        // An error is about the request and never repeats it.
        assert!(answer.body.len() < 1000, "{shown}… was answered with {} bytes", answer.body.len());
    }
    supervisord.doctest(">>> s.cache.getKeys(), s.cache.fetch('key')\n(['key'], 'value')\n");
    assert_eq!((supervisord.statename("cat"), supervisord.pid_of("cat")), ("RUNNING".into(), pid));
}
