//! What the script asks the server for, as bytes: who may, and what is refused.

use crate::common::{
    Config, Supervisord,
    http::{Connection, Response},
};

fn config() -> Config {
    Config::new().program("cat", "command=/bin/cat")
}

fn ask(supervisord: &Supervisord, line: &str, headers: &str, body: &str) -> Response {
    let mut connection = Connection::open(supervisord.port);
    let length = if line.starts_with("POST") { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
    connection.send(format!("{line} HTTP/1.1\r\nHost: localhost\r\n{headers}{length}Connection: close\r\n\r\n{body}"));
    connection.receive().expect("an answer")
}

const JSON: &str = "Content-Type: application/json\r\n";

fn call(supervisord: &Supervisord, body: &str) -> (u16, String) {
    let response = ask(supervisord, "POST /live/call", JSON, body);
    (response.status, response.text())
}

#[test]
fn methods_are_called_as_json() {
    let supervisord = Supervisord::start(&config());
    let call = |body: &str| call(&supervisord, body);
    assert_eq!(
        call(r#"{"method": "cache.store", "params": ["k", [1, 2.5, "x", true, null, {"a": 5}]]}"#).1,
        r#"{"result":true}"#
    );
    assert_eq!(call(r#"{"method": "cache.fetch", "params": ["k"]}"#).1, r#"{"result":[1,2.5,"x",true,null,{"a":5}]}"#);
    assert_eq!(call(r#"{"method": "cache.getCount"}"#).1, r#"{"result":1}"#);
    assert_eq!(call(r#"{"method": "cache.fetch", "params": ["no"]}"#).1, r#"{"fault":{"code":10,"text":"BAD_NAME"}}"#);
    for unknown in ["no.method", "cache._upgrade", "cache._panel_panel", "supervisor", ""] {
        let (status, text) = call(&format!(r#"{{"method": "{unknown}"}}"#));
        assert_eq!((status, text.as_str()), (200, r#"{"fault":{"code":1,"text":"UNKNOWN_METHOD"}}"#), "{unknown}");
    }
    for bad in ["", "[]", "5", "{", r#"{"params": []}"#, r#"{"method": 5}"#, r#"{"method": "a.b", "params": {}}"#] {
        let (status, text) = call(bad);
        assert!(status == 400 && text.starts_with("This is no call: "), "{bad}: {status} {text}");
    }
    let deep = |levels: usize| {
        format!(r#"{{"method": "cache.store", "params": ["d", {}{}]}}"#, "[".repeat(levels), "]".repeat(levels))
    };
    assert_eq!(call(&deep(64)).0, 200);
    assert_eq!([call(&deep(65)).0, call(&deep(100_000)).0], [400, 400]);
    assert_eq!(call(&" ".repeat(2 << 20)).0, 413);
    // What is too much for a page is no answer, and neither is its half.
    supervisord.python("s.cache.store('large', 'x' * 2000000)");
    let (status, text) = call(r#"{"method": "cache.fetch", "params": ["large"]}"#);
    assert!(status == 200 && text.contains("larger than 1 MiB"), "{text}");
}

#[test]
fn actions_answer_a_script_with_what_they_did() {
    let supervisord = Supervisord::start(&config());
    supervisord.wait_for_state("cat", "RUNNING");
    let accept = "Accept: application/json\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let done = ask(&supervisord, "POST /index.html", accept, "processname=cat&action=stop");
    assert_eq!((done.status, done.text().as_str()), (200, r#"{"message":"Process cat stopped"}"#));
    assert_eq!(done.header("Content-Type"), Some("application/json"));
    assert_eq!(ask(&supervisord, "POST /index.html", accept, "action=dance").status, 400);
}

#[test]
fn a_panel_is_a_table_or_a_fault() {
    let supervisord = Supervisord::start(&config());
    supervisord.python("s.cache.store('ab', 'x'); s.cache.store('b', 'y')");
    let panel = |query: &str| ask(&supervisord, &format!("GET /live/panel?{query}"), "", "").text();
    let shown = panel("name=cache._panel_panel&search=a");
    assert!(
        shown.contains(r#""rows":[["ab","string",1,"x"]]"#) && shown.contains(r#""method":"cache.delete""#),
        "{shown}"
    );
    for none in ["", "name=", "name=cache._upgrade", "name=cache.getKeys", "name=supervisor.getState"] {
        let said = panel(none);
        assert!(said.contains("fault") && said.contains("there is no panel"), "{none}: {said}");
    }
}

/// Another site can neither look nor act, and no form can have the type of a call.
#[test]
fn other_sites_can_ask_for_nothing() {
    let supervisord = Supervisord::start(&config());
    supervisord.wait_for_state("cat", "RUNNING");
    let stop = r#"{"method": "supervisor.stopProcess", "params": ["cat"]}"#;
    for foreign in [
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
    ] {
        for line in ["GET /live", "GET /live/panel?name=cache._panel_panel"] {
            assert_eq!(ask(&supervisord, line, foreign, "").status, 403, "{line} {foreign}");
        }
        let headers = format!("{foreign}{JSON}");
        assert_eq!(ask(&supervisord, "POST /live/call", &headers, stop).status, 403, "{foreign}");
        let headers = format!("{foreign}Accept: application/json\r\n");
        assert_eq!(
            ask(&supervisord, "POST /index.html", &headers, "processname=cat&action=stop").status,
            403,
            "{foreign}"
        );
        assert_eq!(ask(&supervisord, "GET /javascripts/live.js", foreign, "").status, 200);
    }
    for kind in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: multipart/form-data\r\n",
    ] {
        assert_eq!(ask(&supervisord, "POST /live/call", kind, stop).status, 415, "{kind}");
    }
    // With other methods they are no paths, as in Supervisor.
    for (line, status) in [("POST /live", 400), ("POST /live/panel", 400), ("GET /live/call", 404)] {
        assert_eq!(ask(&supervisord, line, JSON, "").status, status, "{line}");
    }
    assert_eq!(supervisord.statename("cat"), "RUNNING");
    let own = format!("Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n{JSON}");
    assert_eq!(ask(&supervisord, "POST /live/call", &own, stop).text(), r#"{"result":true}"#);
}

#[test]
fn a_password_covers_what_the_script_asks_for() {
    let supervisord = Supervisord::start(&config().password("user", "tiger"));
    for line in ["GET /live", "POST /live/call", "GET /live/panel", "GET /javascripts/live.js"] {
        assert_eq!(ask(&supervisord, line, JSON, "{}").status, 401, "{line}");
    }
}

/// The page is what it was, but for one tag; and nothing is loaded from elsewhere, or written into it.
#[test]
fn the_page_has_one_tag_more() {
    let supervisord = Supervisord::start(&config());
    let page = ask(&supervisord, "GET /", "", "");
    let text = page.text();
    let tag = "<script src=\"javascripts/live.js\" defer></script>\n";
    assert_eq!(text.matches(tag).count(), 1);
    let plain = text.replace(tag, "");
    assert!(["<script", "javascript", " style=", " onclick="].iter().all(|it| !plain.contains(it)), "{plain}");
    let policy = page.header("Content-Security-Policy").expect("a policy");
    assert_eq!(
        policy,
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; frame-ancestors 'none'"
    );
    assert!(!ask(&supervisord, "GET /tail.html?processname=cat", "", "").text().contains("<script"));
    let script = ask(&supervisord, "GET /javascripts/live.js", "", "");
    assert_eq!((script.status, script.header("Content-Type")), (200, Some("text/javascript")));
    assert!(script.body.len() < 64 << 10 && !script.text().contains("http://") | script.text().contains("www.w3.org"));
    assert_eq!(ask(&supervisord, "GET /javascripts", "", "").status, 301);
    assert_eq!(ask(&supervisord, "GET /javascripts/other.js", "", "").status, 404);
}
