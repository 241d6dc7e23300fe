//! `/metrics` and `/healthz` of a running supervisord: what Prometheus scrapes, and what an orchestrator asks.

#![allow(clippy::float_cmp, reason = "what is whole is told as it is")]

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
    time::Instant,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::common::{
    Config, Supervisord,
    http::{Connection, Response},
    wait_until,
};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Accept header of Prometheus 2.
const OF_PROMETHEUS: &str = "Accept: application/openmetrics-text;version=1.0.0;q=0.75,\
                             text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n";

fn request(supervisord: &Supervisord, request: &str, headers: &str) -> Response {
    let mut connection = Connection::open(supervisord.port);
    connection.send(format!("{request} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n"));
    connection.receive().expect("an answer")
}

fn get(supervisord: &Supervisord, path: &str) -> Response {
    request(supervisord, &format!("GET {path}"), "")
}

/// Asks for the headers alone, and gives them: that nothing comes behind them is part of it.
#[track_caller]
fn head(supervisord: &Supervisord, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", supervisord.port)).expect("a connection to the server");
    let request = format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.find("\r\n\r\n") == Some(answer.len() - 4), "{answer}");
    answer
}

/// Config of a server at TCP that has metrics.
fn with_metrics() -> Config {
    Config::new().section("inet_http_server", "metrics=true")
}

/// Values of a scrape, by their names and labels as they stand there. The text is well-formed.
#[track_caller]
fn values(response: &Response) -> BTreeMap<String, f64> {
    assert_eq!(response.status, 200, "{}", response.text());
    let text = response.text();
    assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF\n").count() == 1, "{text}");
    let mut values = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(values.insert(name.to_owned(), value).is_none(), "{line} stands there twice");
    }
    values
}

#[track_caller]
fn scrape(supervisord: &Supervisord) -> BTreeMap<String, f64> {
    values(&get(supervisord, "/metrics"))
}

/// Let `promtool` check a text, where it is installed.
#[track_caller]
fn promtool_accepts(text: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = promtool.spawn() else { return eprintln!("promtool is not installed") };
    child.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
}

#[test]
fn all_families_are_told_and_promtool_accepts_them() {
    let config = with_metrics()
        .program("cat", "command=/bin/cat\nstartsecs=0\nready=fd:3\nhealth=exec:/bin/true\nhealth_interval=1")
        .program("talks", "command=/bin/sh -c 'echo hello; exec cat'\nstartsecs=0\nstdout_logfile={here}/talks.log")
        .program("fails", "command=/bin/sh -c 'exit 3'\nstartsecs=0\nautorestart=false")
        .program("idle", "command=/bin/cat\nautostart=false")
        .section("eventlistener:deaf", "command=/bin/cat\nevents=TICK_5\nautostart=false");
    let supervisord = Supervisord::start(&config);
    supervisord.wait_for_state("talks", "RUNNING");
    supervisord.wait_for_state("fails", "EXITED");
    supervisord.doctest(
        "
        >>> s.cache.store('key', 'value'), s.cache.fetch('key')
        (True, 'value')
        >>> fault(s.cache.fetch, 'nothing')
        10 BAD_NAME
        ",
    );
    let of = |name: &str, process: &str| format!("{name}{{name=\"{process}\",group=\"{process}\"}}");
    let more =
        |name: &str, process: &str, more: &str| format!("{name}{{name=\"{process}\",group=\"{process}\",{more}}}");
    wait_until("the log is written", || {
        let written = more("supervisor_process_log_bytes_total", "talks", "stream=\"stdout\"");
        scrape(&supervisord)[&written] >= 6.0
    });
    let all = scrape(&supervisord);
    let value = |name: &str| *all.get(name).unwrap_or_else(|| panic!("no {name} in {all:#?}"));

    assert_eq!(value(&of("node_supervisord_up", "talks")), 1.0);
    assert_eq!(value(&of("node_supervisord_up", "fails")), 0.0);
    assert_eq!(value(&of("node_supervisord_state", "talks")), 20.0);
    assert_eq!(value(&of("node_supervisord_state", "idle")), 0.0);
    assert_eq!(value(&of("node_supervisord_exit_status", "fails")), 3.0);
    let start: f64 = supervisord.info("talks", "start").parse().expect("a number");
    assert_eq!(value(&of("node_supervisord_start_time_seconds", "talks")).floor(), start);
    assert!(!all.contains_key(&of("node_supervisord_start_time_seconds", "idle")));
    assert_eq!(value(&of("supervisor_process_restarts_total", "talks")), 0.0);
    assert_eq!(value(&more("supervisor_process_exits_total", "fails", "kind=\"unexpected\"")), 1.0);
    assert_eq!(value(&more("supervisor_process_exits_total", "fails", "kind=\"expected\"")), 0.0);
    // What nobody asks of it is not told.
    assert_eq!(value(&of("supervisor_process_ready", "cat")), 0.0);
    assert!(!all.contains_key(&of("supervisor_process_ready", "talks")));
    assert!(!all.contains_key(&of("supervisor_process_healthy", "talks")));
    assert!(value(&of("supervisor_process_resident_memory_bytes", "talks")) > 100_000.0);
    assert!(value(&of("supervisor_process_open_fds", "talks")) >= 3.0);
    assert!(value(&of("supervisor_process_cpu_seconds_total", "talks")) > 0.0);
    assert!(!all.contains_key(&of("supervisor_process_cpu_seconds_total", "idle")));
    assert_eq!(value(&more("supervisor_process_log_bytes_total", "talks", "stream=\"stdout\"")), 6.0);
    assert_eq!(value(&more("supervisor_process_log_lost_bytes_total", "talks", "stream=\"stdout\"")), 0.0);
    assert_eq!(value("supervisor_eventlistener_events_dropped_total{group=\"deaf\"}"), 0.0);
    assert!(all.contains_key("supervisor_eventlistener_events_queued{group=\"deaf\"}"));

    assert_eq!(value("supervisor_rpc_request_duration_seconds_count{method=\"cache.fetch\"}"), 2.0);
    assert_eq!(value("supervisor_rpc_request_duration_seconds_bucket{method=\"cache.fetch\",le=\"+Inf\"}"), 2.0);
    assert!(value("supervisor_rpc_request_duration_seconds_sum{method=\"cache.fetch\"}") > 0.0);
    assert_eq!(value("supervisor_rpc_faults_total{method=\"cache.fetch\"}"), 1.0);
    let of_plugin = |name: &str| format!("supervisor_plugin_{name}{{plugin=\"supervisor-cache\",name=\"cache\"}}");
    assert!(value(&of_plugin("calls_total")) >= 3.0);
    assert_eq!(value(&of_plugin("faults_total")), 1.0);
    assert_eq!(value(&of_plugin("panics_total")), 0.0);
    assert_eq!(value("supervisor_plugin_metrics_up{name=\"cache\"}"), 1.0);
    assert_eq!(value("supervisor_cache_keys"), 1.0);
    assert_eq!(value("supervisor_cache_hits_total"), 1.0);
    assert_eq!(value("supervisor_cache_misses_total"), 1.0);

    assert_eq!(value("supervisor_state"), 1.0);
    assert!(value("supervisor_resident_memory_bytes") > 1_000_000.0);
    assert!(value("supervisor_cpu_seconds_total") > 0.0);
    assert!(value("supervisor_open_fds") > 3.0);
    assert!(value("supervisor_loop_delay_seconds") >= 0.0);
    assert!(value("supervisor_loop_turn_duration_seconds_count") > 1.0);

    promtool_accepts(&get(&supervisord, "/metrics").text());
    supervisord.ctl(&["start", "idle"]);
    let pid = supervisord.pid_of("talks");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it is there");
    wait_until("the end is counted", || {
        let all = scrape(&supervisord);
        all[&more("supervisor_process_exits_total", "talks", "kind=\"signal\"")] == 1.0
            && all[&of("supervisor_process_restarts_total", "talks")] == 1.0
    });
}

#[test]
fn the_format_is_the_one_that_is_asked_for() {
    let supervisord = Supervisord::start(&with_metrics().program("cat", "command=/bin/cat"));
    for (headers, content_type) in [("", PROMETHEUS), (OF_PROMETHEUS, OPEN_METRICS)] {
        let answer = request(&supervisord, "GET /metrics", headers);
        assert_eq!(answer.header("Content-Type"), Some(content_type), "{headers}");
        values(&answer);
        let answer = head(&supervisord, "/metrics", headers);
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(content_type), "{answer}");
    }
    let open = request(&supervisord, "GET /metrics", OF_PROMETHEUS).text();
    for line in ["# TYPE supervisor_process_restarts counter", "# TYPE supervisor_build info"] {
        assert!(open.lines().any(|it| it == line), "{line}: {open}");
    }
    let older = get(&supervisord, "/metrics").text();
    for line in ["# TYPE supervisor_process_restarts_total counter", "# TYPE supervisor_build_info gauge"] {
        assert!(older.lines().any(|it| it == line), "{line}: {older}");
    }
}

#[test]
fn without_the_option_there_is_nothing_and_with_a_password_it_is_asked_for() {
    let plain = Supervisord::start(&Config::new().program("cat", "command=/bin/cat"));
    assert_eq!(get(&plain, "/metrics").status, 404);
    assert_eq!(get(&plain, "/healthz").status, 200);
    assert!(!plain.python("print(s.system.listMethods())").contains("metrics"));

    let config = with_metrics().program("cat", "command=/bin/false\nstartretries=0").password("user", "123");
    let guarded = Supervisord::start(&config);
    let login = "Authorization: Basic dXNlcjoxMjM=\r\n";
    assert_eq!(get(&guarded, "/metrics").status, 401);
    values(&request(&guarded, "GET /metrics", login));
    let foreign = "Sec-Fetch-Site: cross-site\r\n";
    assert_eq!(request(&guarded, "GET /metrics", &format!("{login}{foreign}")).status, 403);
    assert_eq!(request(&guarded, "GET /healthz", foreign).status, 403);
    // Who asks for health has no password, and learns no names.
    wait_until("it is FATAL", || {
        let answer = request(&guarded, "GET /healthz?ready", login);
        (answer.status, answer.text().as_str()) == (503, "not ready: 0 of 1; not cat\n")
    });
    let answer = get(&guarded, "/healthz?ready");
    assert_eq!((answer.status, answer.text().as_str()), (503, "not ready: 0 of 1\n"));
    let answer = get(&guarded, "/healthz");
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok\n"));
    assert!(head(&guarded, "/healthz", "").starts_with("HTTP/1.1 200 "));
    assert!(head(&guarded, "/healthz?ready", "").starts_with("HTTP/1.1 503 "));
    assert_eq!(request(&guarded, "POST /healthz", "Content-Length: 0\r\n").status, 401);
}

#[test]
fn all_is_ready_when_what_starts_by_itself_runs_and_is_ready() {
    let config = Config::new()
        .program("db", "command=/bin/sh -c 'read go < {here}/go; echo >&3; exec cat'\nstartsecs=0\nready=fd:3")
        .program("migrate", "command=/bin/sh -c 'read go < {here}/done'\nstartsecs=0\nautorestart=false")
        .program("web", "command=/bin/cat\nstartsecs=0\ndepends_on=db,migrate:exited")
        .program("idle", "command=/bin/cat\nautostart=false");
    let sandbox = crate::common::Sandbox::new();
    for name in ["go", "done"] {
        nix::unistd::mkfifo(&sandbox.join(name), nix::sys::stat::Mode::from_bits_truncate(0o600)).expect("a pipe");
    }
    let (go, done) = (sandbox.join("go"), sandbox.join("done"));
    let mut supervisord = Supervisord::start_in(sandbox, crate::common::Kind::Ours, &config);
    let is = |supervisord: &Supervisord, status: u16, text: &str| {
        let answer = get(supervisord, "/healthz?ready");
        (answer.status, answer.text().trim()) == (status, text)
    };
    wait_until("migrate runs", || is(&supervisord, 503, "not ready: 1 of 3; not db, web"));
    std::fs::write(go, "go\n").expect("it reads");
    // It has migrated, and that is all that it is for.
    std::fs::write(done, "go\n").expect("it reads");
    wait_until("all is ready", || is(&supervisord, 200, "ready: 3 of 3"));
    supervisord.ctl(&["stop", "web"]);
    wait_until("one is stopped", || is(&supervisord, 503, "not ready: 2 of 3; not web"));
    supervisord.signal(Signal::SIGTERM);
    assert!(supervisord.wait().success());
}

#[test]
fn a_plugin_that_hangs_or_lies_in_its_metrics_breaks_nothing() {
    let config = with_metrics()
        .section("rpcinterface:unruly", "supervisor.rpcinterface_factory=unruly_plugin:make_unruly_rpcinterface")
        .program("cat", "command=/bin/cat\nstartsecs=0");
    let supervisord = Supervisord::start(&config);
    let choose = |how: &str| supervisord.python(&format!("s.unruly.atMetrics('{how}')"));
    let up = "supervisor_plugin_metrics_up{name=\"unruly\"}";
    wait_until("it is asked", || scrape(&supervisord).get("supervisor_unruly_mood") == Some(&7.0));

    choose("lie");
    let answer = get(&supervisord, "/metrics");
    let all = values(&answer);
    assert_eq!(all[up], 1.0);
    assert_eq!(all["supervisor_unruly_words{at=\"\\\"} 1\\n# EOF\\n\"}"], 2.0, "{all:#?}");
    assert_eq!(all["supervisor_unruly_twice"], 3.0);
    assert!(!all.contains_key("supervisor_unruly_backwards_total"));
    promtool_accepts(&answer.text());
    values(&request(&supervisord, "GET /metrics", OF_PROMETHEUS));
    supervisord.wait_for_log("unruly: metric 'a b' is left out: a name is lower-case letters");
    assert_eq!(supervisord.log().matches("unruly: metric 'a b'").count(), 1);

    for (how, why) in [("panic", "no metrics today"), ("fault", "the moon is not full")] {
        choose("good");
        wait_until("it is well again", || scrape(&supervisord)[up] == 1.0);
        choose(how);
        let all = scrape(&supervisord);
        assert_eq!((all[up], all["supervisor_plugin_metrics_up{name=\"cache\"}"]), (0.0, 1.0), "{how}");
        supervisord.wait_for_log("metrics of unruly are missing: ");
        supervisord.wait_for_log(why);
    }
    choose("good");
    wait_until("it is well again", || scrape(&supervisord)[up] == 1.0);
    choose("hang");
    wait_until("it hangs", || scrape(&supervisord)[up] == 0.0 && supervisord.log().contains("it has not answered in"));
    // It is not waited for any more, and all others are told.
    let begin = Instant::now();
    for _ in 0..20 {
        let all = scrape(&supervisord);
        assert_eq!(all[up], 0.0);
        assert!(all.contains_key("node_supervisord_up{name=\"cat\",group=\"cat\"}"));
    }
    assert!(begin.elapsed().as_secs() < 10, "{:?}: each would take half a second", begin.elapsed());
    wait_until("the cache answers in time", || {
        scrape(&supervisord)["supervisor_plugin_metrics_up{name=\"cache\"}"] == 1.0
    });
    supervisord.wait_for_state("cat", "RUNNING");
}

#[test]
fn what_is_known_of_a_process_is_told_over_xml_rpc() {
    let config = Config::new()
        .program("fails", "command=/bin/sh -c 'exit 3'\nstartsecs=0\nautorestart=false\nrlimit_nofile=100:200\nnice=3")
        .program("cat", "command=/bin/cat\nstartsecs=0");
    let supervisord = Supervisord::start(&config);
    supervisord.wait_for_state("fails", "EXITED");
    supervisord.wait_for_state("cat", "RUNNING");
    supervisord.doctest(
        "
        >>> d = s.processes.getDetails('fails')
        >>> d['command'], d['autostart'], d['restarts'], d['ready'], d['health'], d['exitstatus']
        (\"/bin/sh -c 'exit 3'\", True, 0, '', '', 3)
        >>> sorted(d['exits'].items())
        [('expected', 0), ('signal', 0), ('stopped', 0), ('unexpected', 1)]
        >>> [last] = d['last_exits']
        >>> last['status'], last['signal'], last['core'], last['kind'], last['description']
        (3, 0, False, 'unexpected', 'exit status 3')
        >>> sorted(d['limits'].items())
        [('nice', '3'), ('rlimit_nofile', '100:200')]
        >>> info = s.supervisor.getProcessInfo('cat'); details = s.processes.getAllDetails()
        >>> [it['name'] for it in details] == [it['name'] for it in s.supervisor.getAllProcessInfo()]
        True
        >>> [cat] = [it for it in details if it['name'] == 'cat']
        >>> [name for name in info if name not in ('now', 'description') and cat[name] != info[name]]
        []
        >>> fault(s.processes.getDetails, 'nope')
        10 BAD_NAME: nope
        >>> fault(s.processes.getDetails, 'cat:*')
        10 BAD_NAME: cat:*
        ",
    );
}
