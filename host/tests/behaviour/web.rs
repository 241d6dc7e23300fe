//! The pages for a browser, beside the real ones: the same paths, actions, redirects and words.

use crate::common::{
    Config, Kind, Sandbox, Supervisord,
    http::{self, Connection, Response},
    wait_until,
};

fn config() -> Config {
    Config::new()
        .program("cat", "command=/bin/cat\nstdout_logfile={here}/cat.log")
        .program("idle", "command=/bin/cat\nautostart=false\nstdout_logfile=NONE")
        .program("gone", "command=/nonexistent/x\nautostart=false")
        .section("group:g", "programs=idle")
}

fn request(supervisord: &Supervisord, request: &str, headers: &str, body: &str) -> Response {
    let mut connection = Connection::open(supervisord.port);
    let length =
        if request.starts_with("POST") { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
    connection.send(format!("{request} HTTP/1.1\r\n{headers}{length}Connection: close\r\n\r\n{body}"));
    connection.receive().expect("an answer")
}

fn get(supervisord: &Supervisord, path: &str) -> Response {
    request(supervisord, &format!("GET {path}"), "Host: sup.example:9001\r\n", "")
}

/// Where a redirect leads.
#[track_caller]
fn location(response: &Response) -> String {
    assert_eq!(response.status, 301, "{response:?}");
    response.header("Location").expect("a redirect says where").to_owned()
}

/// What is said after an action, without the time.
#[track_caller]
fn said(response: &Response) -> String {
    let location = location(response);
    let message = location.strip_prefix("http://sup.example:9001/?message=").unwrap_or_else(|| panic!("{location}"));
    message.split("%20at%20").next().unwrap_or_default().to_owned()
}

#[test]
fn pages_and_files() {
    for supervisord in Supervisord::both(&config()) {
        let kind = supervisord.kind;
        supervisord.wait_for_state("cat", "RUNNING");
        for (path, content_type) in [
            ("/", "text/html;charset=utf-8"),
            ("/index.html", "text/html;charset=utf-8"),
            ("/tail.html", "text/html;charset=utf-8"),
            ("/ok.html", "text/plain"),
            ("/stylesheets/supervisor.css", "text/css"),
            ("/images/icon.png", "image/png"),
            ("/images/supervisor.gif", "image/gif"),
            ("/images/state0.gif", "image/gif"),
            ("/images/rule.gif", "image/gif"),
        ] {
            let response = get(&supervisord, path);
            assert_eq!(
                (response.status, response.header("Content-Type")),
                (200, Some(content_type)),
                "{kind:?} {path}"
            );
            assert!(!response.body.is_empty(), "{kind:?} {path}");
        }
        assert_eq!(get(&supervisord, "/ok.html").text(), "OK");
        // The real one has a name of its own for itself here.
        assert!(location(&get(&supervisord, "/images")).ends_with("/images/"));
        for path in ["/nope", "/images/nope.gif", "/images/"] {
            assert_eq!(get(&supervisord, path).status, 404, "{kind:?} {path}");
        }
        let page = get(&supervisord, "/?message=%3Cb%3Ehello").text().replace("&lt;b>", "&lt;b&gt;");
        for text in [
            "Supervisor Status",
            "&lt;b&gt;hello",
            "running",
            "cat",
            "g:idle",
            "Restart All",
            "Clear Log",
            "logtail/cat",
        ] {
            assert!(page.contains(text), "{kind:?}: {text} is missing in\n{page}");
        }
        let cache = |path: &str| get(&supervisord, path).header("Cache-Control").map(str::to_owned);
        assert_eq!(cache("/").as_deref(), Some("no-cache"), "{kind:?}");
    }
}

#[test]
fn actions_say_what_they_did() {
    let mut stories = Vec::new();
    for supervisord in Supervisord::both(&config()) {
        supervisord.wait_for_state("cat", "RUNNING");
        let act = |query: &str| format!("{query}: {}", said(&get(&supervisord, &format!("/index.html?{query}"))));
        let mut story = vec![
            act("action=refresh"),
            act("processname=cat&action=stop"),
            supervisord.statename("cat"),
            act("processname=cat&action=stop"),
            act("processname=cat&action=start"),
            supervisord.statename("cat"),
            act("processname=cat&action=start"),
            act("processname=g%3Aidle&action=restart"),
            supervisord.statename("g:idle"),
            act("processname=cat&action=clearlog"),
            act("processname=gone&action=start"),
            act("processname=nope&action=start"),
            act("processname=g:*&action=stop"),
            act("action=stopall"),
            supervisord.statename("cat"),
            act("action=restartall"),
            supervisord.statename("cat"),
        ];
        // The forms of the pages are POSTs.
        let headers = "Host: sup.example:9001\r\nContent-Type: application/x-www-form-urlencoded\r\n";
        let posted = request(&supervisord, "POST /index.html", headers, "processname=cat&action=stop");
        story.push(format!("posted: {}", said(&posted)));
        story.push(supervisord.statename("cat"));
        stories.push(story);
        // The usual port is not said.
        let plain = request(&supervisord, "GET /index.html?action=refresh", "Host: sup.example:80\r\n", "");
        assert!(location(&plain).starts_with("http://sup.example/?message=Page%20refreshed%20at%20"));
    }
    assert_eq!(stories[0], stories[1]);
}

/// The text of the only `pre` of a page.
fn pre(page: &str) -> String {
    let text = page.split("<pre>").nth(1).and_then(|rest| rest.split("</pre>").next()).unwrap_or_default();
    // The real one leaves a `>` as it is.
    text.trim().replace("&gt;", ">")
}

#[test]
fn the_end_of_a_log() {
    let mut shown = Vec::new();
    for kind in [Kind::Real, Kind::Ours] {
        let sandbox = Sandbox::new();
        sandbox.write("cat.log", "a<b\n".repeat(1000));
        let supervisord = Supervisord::start_in(sandbox, kind, &config());
        let tail = |query: &str| pre(&get(&supervisord, &format!("/tail.html{query}")).text());
        let queries = [
            "",
            "?processname=",
            "?processname=cat",
            "?processname=cat&limit=5",
            "?processname=cat&limit=2000",
            "?processname=cat&limit=x",
            "?processname=g:idle",
            "?processname=nope",
            "?processname=%3Cb%3E",
        ];
        shown.push(queries.map(|query| format!("{query}: {}", tail(query))));
    }
    let [real, ours] = shown.try_into().expect("two of them");
    for (real, ours) in real.iter().zip(&ours) {
        assert_eq!(real, ours);
    }
}

#[test]
fn the_end_of_a_log_is_text() {
    let sandbox = Sandbox::new();
    sandbox.write("cat.log", "가".repeat(1000) + "\u{1b}[1m\0\n");
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config());
    let tail = pre(&get(&supervisord, "/tail.html?processname=cat").text());
    assert_eq!(tail, "가".repeat((1024 - 6) / 3) + "␛[1m␀");
}

#[test]
fn other_sites_can_make_nothing_happen() {
    let supervisord = Supervisord::start(&config());
    supervisord.wait_for_state("cat", "RUNNING");
    let ask = |line: &str, more: &str| {
        let headers = format!("Host: localhost:9001\r\n{more}");
        let body = if line.starts_with("POST") { "processname=cat&action=stop" } else { "" };
        request(&supervisord, line, &headers, body).status
    };
    for foreign in [
        "Sec-Fetch-Site: cross-site\r\n",
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Referer: http://evil.example/page\r\n",
    ] {
        assert_eq!(ask("GET /index.html?processname=cat&action=stop", foreign), 403, "{foreign}");
        assert_eq!(ask("GET /?action=stopall", foreign), 403, "{foreign}");
        assert_eq!(ask("POST /index.html", foreign), 403, "{foreign}");
        for path in ["/tail.html?processname=cat", "/logtail/cat", "/logtail/cat/stderr", "/mainlogtail", "/nope"] {
            assert_eq!(ask(&format!("GET {path}"), foreign), 403, "{path} {foreign}");
        }
        for line in
            ["POST /", "POST /tail.html", "POST /ok.html", "POST /nope", "OPTIONS /RPC2", "PUT /RPC2", "GET /RPC2"]
        {
            assert_eq!(ask(line, foreign), 403, "{line} {foreign}");
        }
        // To look is free.
        for path in ["/", "/index.html?message=x", "/?action=refresh", "/ok.html", "/images/icon.png"] {
            assert!([200, 301].contains(&ask(&format!("GET {path}"), foreign)), "{path} {foreign}");
        }
    }
    assert_eq!(supervisord.statename("cat"), "RUNNING");
    let own = "Host: localhost:9001\r\nSec-Fetch-Site: same-origin\r\nOrigin: http://localhost:9001\r\n";
    assert_eq!(request(&supervisord, "POST /index.html", own, "processname=cat&action=stop").status, 301);
    assert_eq!(supervisord.statename("cat"), "STOPPED");
    // No page can be laid under another one's buttons.
    let policy = get(&supervisord, "/").header("Content-Security-Policy").map(str::to_owned);
    assert!(policy.is_some_and(|policy| policy.contains("frame-ancestors 'none'")));
}

#[test]
fn a_password_covers_the_pages() {
    for supervisord in Supervisord::both(&config().password("user", "tiger")) {
        for path in ["/", "/tail.html", "/ok.html", "/images/icon.png", "/stylesheets/supervisor.css"] {
            assert_eq!(get(&supervisord, path).status, 401, "{:?} {path}", supervisord.kind);
        }
    }
}

/// Posts a call as a page may do it without being asked, with these headers.
fn call(supervisord: &Supervisord, headers: &str, method: &str, params: &[&str]) -> Response {
    request(supervisord, "POST /RPC2", &format!("{headers}Content-Type: text/plain\r\n"), &http::call(method, params))
}

#[test]
fn other_sites_can_call_nothing() {
    for config in [config(), config().password("user", "tiger")] {
        let supervisord = Supervisord::start(&config);
        let host = format!("Host: localhost:{}\r\nAuthorization: Basic dXNlcjp0aWdlcg==\r\n", supervisord.port);
        let runs = || call(&supervisord, &host, "supervisor.getProcessInfo", &["cat"]).text().contains("RUNNING");
        wait_until("it runs", runs);
        for foreign in [
            "Origin: http://evil.example\r\nSec-Fetch-Site: cross-site\r\n",
            "Origin: http://localhost:3000\r\nSec-Fetch-Site: same-site\r\n",
            "Origin: http://localhost:3000\r\n",
            "Origin: null\r\n",
            "Sec-Fetch-Site: cross-site\r\n",
            "Sec-Fetch-Site: unheard-of\r\n",
        ] {
            let response = call(&supervisord, &format!("{host}{foreign}"), "supervisor.stopProcess", &["cat"]);
            assert_eq!(response.status, 403, "{foreign}");
            let text = response.text();
            assert!(text.contains("a page of another site") && text.lines().count() == 1, "{text}");
        }
        assert!(runs());
        let own = format!("{host}Origin: http://localhost:{}\r\nSec-Fetch-Site: same-origin\r\n", supervisord.port);
        for headers in [&own, &host, &format!("{host}Sec-Fetch-Site: none\r\n")] {
            assert_eq!(call(&supervisord, headers, "supervisor.getState", &[]).status, 200, "{headers}");
        }
    }
}

#[test]
fn browsers_come_by_names_that_are_ours() {
    let allowed = ("inet_http_server", "allowed_hosts=sup.example, Web1");
    let supervisord = Supervisord::start(&config().section(allowed.0, allowed.1));
    supervisord.wait_for_state("cat", "RUNNING");
    let browser = |host: &str| {
        format!(
            "Host: {host}\r\nOrigin: http://{host}\r\nSec-Fetch-Site: same-origin\r\nX-Forwarded-Host: localhost\r\n"
        )
    };
    let machine = nix::unistd::gethostname().expect("a name").into_string().expect("text");
    for host in ["localhost:9001", "127.0.0.1", "[::1]:9001", "SUP.example:9001", "web1", &machine] {
        assert_eq!(call(&supervisord, &browser(host), "supervisor.getState", &[]).status, 200, "{host}");
        assert_eq!(request(&supervisord, "GET /", &browser(host), "").status, 200, "{host}");
    }
    for host in ["evil.example:9001", "localhost.evil.example", "a.sup.example", "127.0.0.1.evil.example:9001"] {
        let response = call(&supervisord, &browser(host), "supervisor.stopProcess", &["cat"]);
        assert_eq!(response.status, 403, "{host}");
        let text = response.text();
        let hint = format!("not under '{host}'. If it is one, name it in allowed_hosts of [inet_http_server].\n");
        assert!(text.ends_with(&hint) && text.lines().count() == 1, "{text}");
        for path in ["/", "/ok.html", "/images/icon.png", "/tail.html?processname=cat", "/logtail/cat", "/mainlogtail"]
        {
            assert_eq!(request(&supervisord, &format!("GET {path}"), &browser(host), "").status, 403, "{host} {path}");
        }
    }
    // Over plain HTTP a page can have the browser say no more of itself than this.
    let silent = "Host: evil.example:9001\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n";
    assert_eq!(request(&supervisord, "GET /?action=stopall", silent, "").status, 403);
    assert_eq!(supervisord.statename("cat"), "RUNNING");
    // The same under a name of ours may be a bookmark: nothing is done but to ask.
    let silent = "Host: sup.example:9001\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n";
    let asked = request(&supervisord, "GET /?action=stop&processname=c%22at", silent, "");
    assert_eq!(asked.status, 200);
    let text = asked.text();
    assert!(text.contains("A link asks for this: stop c&quot;at.") && text.contains("value=\"stop\""), "{text}");
    assert_eq!(request(&supervisord, "GET /?action=stopall", silent, "").status, 200);
    assert_eq!(request(&supervisord, "GET /?action=refresh", silent, "").status, 301);
    assert_eq!(supervisord.statename("cat"), "RUNNING");
    // Who is no browser may call it as he likes.
    for headers in ["Host: evil.example:9001\r\n", "Host: x\r\nUser-Agent: Python-xmlrpc/3.11\r\n", ""] {
        assert_eq!(call(&supervisord, headers, "supervisor.getState", &[]).status, 200, "{headers}");
        assert_eq!(request(&supervisord, "GET /ok.html", headers, "").status, 200, "{headers}");
    }
}

#[test]
fn with_a_password_any_name_will_do() {
    let supervisord = Supervisord::start(&config().password("user", "tiger"));
    let browser = "Host: any.example\r\nOrigin: http://any.example\r\nSec-Fetch-Site: same-origin\r\n";
    assert_eq!(call(&supervisord, browser, "supervisor.getState", &[]).status, 401);
    let browser = format!("{browser}Authorization: Basic dXNlcjp0aWdlcg==\r\n");
    assert_eq!(call(&supervisord, &browser, "supervisor.getState", &[]).status, 200);
}

/// A stop that takes long is waited for, and holds up nobody else.
#[test]
fn a_slow_action_holds_up_nobody() {
    let slow = "command=/bin/sh -c \"trap '' TERM; while :; do sleep 0.1; done\"\nstopwaitsecs=3";
    let supervisord = Supervisord::start(&Config::new().program("slow", slow));
    supervisord.wait_for_state("slow", "RUNNING");
    let port = supervisord.port;
    let stopping = std::thread::spawn(move || {
        let mut connection = Connection::open(port);
        connection.send("GET /index.html?processname=slow&action=stop HTTP/1.1\r\nHost: h\r\n\r\n");
        connection.receive().expect("an answer").status
    });
    wait_until("the stop is on its way", || supervisord.statename("slow") == "STOPPING");
    assert_eq!(get(&supervisord, "/").status, 200);
    assert!(!stopping.is_finished());
    assert_eq!(stopping.join().expect("no panic"), 301);
    assert_eq!(supervisord.statename("slow"), "STOPPED");
}

#[test]
fn what_is_no_action_and_what_is_too_much() {
    let supervisord = Supervisord::start(&config());
    assert_eq!(get(&supervisord, "/?action=dance").status, 400);
    assert_eq!(get(&supervisord, "/?action=stop").status, 400);
    let body = format!("message={}", "x".repeat(100_000));
    assert_eq!(request(&supervisord, "POST /index.html", "Host: h\r\n", &body).status, 413);
}
