//! Requests that are as they should be, requests that are not, and who may ask. The statuses are those of Supervisor
//! 4.3.0, except where it never answers, answers 500 or breaks the connection.

use std::time::Duration;

use plugin_api::Value;
use supervisor_host::server::Limits;

use crate::harness::{Server, call_body, echo, post};

#[test]
fn a_call_is_answered_as_supervisor_answers() {
    let server = Server::start();
    let response = server.connect().ask(echo());
    assert_eq!(response.status, 200);
    assert!(response.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", response.head);
    assert_eq!(response.header("Content-Type"), Some("text/xml"));
    assert_eq!(response.header("Content-Length"), Some(response.body.len().to_string().as_str()));
    assert_eq!(response.header("Connection"), None);
    assert_eq!(response.value(), Ok(Value::Int(1)));
}

#[test]
fn the_path_is_a_prefix() {
    let server = Server::start();
    let body = call_body("host.echo", &[Value::Int(1)]);
    for path in ["/RPC2", "/RPC2foo", "/RPC2/a", "/RPC2?a=b", "/%52PC2"] {
        assert_eq!(server.status(post(path, "", &body)), 200, "{path}");
    }
    for path in ["/whatever", "//RPC2", "/rpc2", "/logtail/cat", "/mainlogtail", "/%", "/%ff"] {
        assert_eq!(server.status(post(path, "", &body)), 400, "{path}");
    }
}

#[test]
fn on_the_unix_socket_the_path_is_superfluous() {
    let server = Server::start();
    let body = call_body("host.echo", &[Value::Int(1)]);
    for path in ["/RPC2", "/whatever", "/a/b/c", "/rpc2", "/events", "/live", "/live/panel"] {
        assert_eq!(server.connect_unix().ask(post(path, "", &body)).value(), Ok(Value::Int(1)), "{path}");
    }
    for (path, status) in [("/logtail/cat", 400), ("/mainlogtail", 400), ("/", 200), ("/tail.html", 200)] {
        assert_eq!(server.connect_unix().ask(post(path, "", &body)).status, status, "{path}");
    }
}

#[test]
fn other_methods_are_refused() {
    let server = Server::start();
    let head =
        |path: &str| server.connect().send(format!("HEAD {path} HTTP/1.1\r\n\r\n")).receive_head().unwrap().status;
    assert_eq!(head("/RPC2"), 400);
    for path in ["/", "/events", "/live", "/live/call", "/live/panel"] {
        assert_eq!(head(path), 404, "{path}");
    }
    for method in ["GET", "PUT", "DELETE", "post", "OPTIONS"] {
        assert_eq!(server.status(format!("{method} /RPC2 HTTP/1.1\r\n\r\n")), 400, "{method} /RPC2");
        let status = if method == "GET" { 404 } else { 400 };
        assert_eq!(server.status(format!("{method} /nope HTTP/1.1\r\n\r\n")), status, "{method} /nope");
    }
    assert_eq!(server.status("OPTIONS * HTTP/1.1\r\n\r\n"), 400);
    assert_eq!(server.status("GET /logtail/nope HTTP/1.1\r\n\r\n"), 404);
    assert_eq!(server.status("GET /logtail HTTP/1.1\r\n\r\n"), 404);
}

#[test]
fn other_sites_come_by_no_path_and_no_socket() {
    let server = Server::start();
    let body = call_body("host.echo", &[Value::Int(1)]);
    let foreign = "Origin: http://evil.example\r\n";
    for path in ["/RPC2", "/whatever", "/logtail/cat", "/mainlogtail", "/", "/tail.html"] {
        let mut clients = [server.connect(), server.connect_unix()];
        for client in &mut clients {
            let response = client.ask(post(path, foreign, &body));
            assert_eq!(response.status, 403, "{path}");
            // It was read, so that the connection goes on.
            assert_eq!(client.ask(echo()).value(), Ok(Value::Int(1)), "{path}");
        }
    }
    let large = vec![b'x'; 1 << 20];
    let mut client = server.connect();
    let response = client.ask(post("/RPC2", foreign, &large));
    assert_eq!((response.status, response.header("Connection")), (403, Some("close")));
    assert_eq!(server.status(post("/RPC2", "Origin: http://here\r\nSec-Fetch-Site: same-origin\r\n", &body)), 403);
}

#[test]
fn names_lead_to_no_unix_socket() {
    let server = Server::start();
    let named = |name: &str| format!("GET /ok.html HTTP/1.1\r\nHost: {name}\r\nOrigin: http://{name}\r\n\r\n");
    assert_eq!(server.connect_unix().ask(named("any.example")).status, 200);
    assert_eq!(server.status(named("any.example")), 403);
    assert_eq!(server.status(named("sup.example")), 200);
    assert_eq!(Server::with(Some(("user", "123")), Limits::default()).status(named("any.example")), 401);
}

#[test]
fn a_request_says_how_long_it_is() {
    let server = Server::start();
    let body = String::from_utf8(call_body("host.echo", &[Value::Int(1)])).unwrap();
    let with = |headers: String, body: &str| server.status(format!("POST /RPC2 HTTP/1.1\r\n{headers}\r\n{body}"));
    assert_eq!(with(String::new(), &body), 411);
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    assert_eq!(with("Transfer-Encoding: chunked\r\n".into(), &chunks), 411);
    assert_eq!(with(format!("Content-Length:{}\r\n", body.len()), &body), 200);
    assert_eq!(with(format!("content-LENGTH:  {} \r\n", body.len()), &body), 200);
    assert_eq!(with(format!("Content-Length: {0}\r\nContent-Length: {0}\r\n", body.len()), &body), 200);
    assert_eq!(with("Content-Length: 0\r\n".into(), ""), 400);
    for length in ["-5", "abc", "", "1 1", "99999999999999999999999", "0x10"] {
        assert_eq!(with(format!("Content-Length: {length}\r\n"), &body), 400, "{length:?}");
    }
    assert_eq!(with(format!("Content-Length: 3\r\nContent-Length: {}\r\n", body.len()), &body), 400);
}

#[test]
fn bad_xml_is_refused_and_the_connection_goes_on() {
    let server = Server::start();
    let mut client = server.connect();
    let deep = format!(
        "<methodCall><methodName>host.echo</methodName><params><param>{}{}",
        "<value><array><data>".repeat(10_000),
        "</data></array></value>".repeat(10_000)
    );
    for body in [
        "",
        "x",
        "<a",
        "<methodCall/>",
        "<methodCall><methodName/></methodCall>",
        "<methodCall><methodName></methodName></methodCall>",
        "<methodCall><methodName>host.echo</methodName><params><param><value><int>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><methodCall><methodName>host.echo</methodName></methodCall>",
        deep.as_str(),
    ] {
        assert_eq!(client.ask(post("/RPC2", "", body.as_bytes())).status, 400, "{body:.60}");
    }
    assert_eq!(client.ask(post("/RPC2", "", b"<methodCall><methodName>\xff</methodName></methodCall>")).status, 400);
    assert_eq!(client.ask(echo()).value(), Ok(Value::Int(1)));
}

#[test]
fn what_is_not_http_is_refused() {
    let server = Server::start();
    for garbage in [
        "\x16\x03\x01\x02\r\n\r\n",
        "GET /\r\n\r\n",
        "POST /RPC2 HTTP/9.9\r\n\r\n",
        "POST /RPC2 HTTP/1.1\r\n: x\r\n\r\n",
    ] {
        assert_eq!(server.status(garbage), 400, "{garbage:?}");
    }
    assert_eq!(server.status(format!("POST /RPC2 HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000))), 431);
    assert_eq!(server.status(format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000))), 431);
    let many = "X: y\r\n".repeat(1000);
    assert_eq!(server.status(format!("POST /RPC2 HTTP/1.1\r\n{many}\r\n")), 431);
}

#[test]
fn old_clients_and_connection_headers() {
    let server = Server::start();
    let old = |headers: &str| {
        let request = post("/RPC2", headers, &call_body("host.echo", &[Value::Int(1)]));
        String::from_utf8(request).unwrap().replace("HTTP/1.1", "HTTP/1.0")
    };
    let mut client = server.connect();
    let response = client.ask(old(""));
    assert!(response.head.starts_with("HTTP/1.0 200 OK\r\n"));
    assert_eq!(response.header("Connection"), None);
    assert!(client.is_closed());

    let mut client = server.connect();
    let response = client.ask(old("Connection: keep-alive\r\n"));
    assert_eq!(response.header("Connection"), Some("Keep-Alive"));
    assert_eq!(client.ask(old("Connection: Keep-Alive\r\n")).status, 200);

    let mut client = server.connect();
    let closing = post("/RPC2", "Connection: close\r\n", &call_body("host.echo", &[Value::Int(1)]));
    assert_eq!(client.ask(closing).status, 200);
    assert!(client.is_closed());
}

#[test]
fn requests_may_be_many_and_come_in_any_pieces() {
    let server = Server::start();
    let mut client = server.connect();
    let mut all = b"\r\n".to_vec();
    for number in 0..50 {
        all.extend(crate::harness::call("host.echo", &[Value::Int(number)]));
    }
    client.send(&all);
    for number in 0..50 {
        assert_eq!(client.receive().unwrap().value(), Ok(Value::Int(number)));
    }
    for piece in echo().chunks(7) {
        client.send(piece);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(client.receive().unwrap().value(), Ok(Value::Int(1)));
}

#[test]
fn a_client_may_ask_whether_to_send() {
    let server = Server::start();
    let body = call_body("host.echo", &[Value::Int(1)]);
    let head = format!("POST /RPC2 HTTP/1.1\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n", body.len());
    let mut client = server.connect();
    assert_eq!(client.ask(&head).status, 100);
    assert_eq!(client.ask(&body).value(), Ok(Value::Int(1)));

    let mut client = server.connect();
    assert_eq!(client.ask(head.replace("/RPC2", "/nope")).status, 400);
}

#[test]
fn a_client_that_has_said_all_still_hears_the_answer() {
    let server = Server::start();
    for mut client in [server.connect(), server.connect_unix()] {
        let response = client.send(echo()).half_close().receive().unwrap();
        assert_eq!(response.value(), Ok(Value::Int(1)));
        assert!(client.is_closed());
    }
    for method in ["host.later", "plugin.add", "plugin.later"] {
        let mut client = server.connect();
        let call = crate::harness::call(method, &[Value::Int(1)]);
        assert_eq!(client.send(call).half_close().receive().unwrap().value(), Ok(Value::Int(1)), "{method}");
    }
    // One that ends in the middle hears nothing that it could take for an answer.
    let mut client = server.connect();
    client.send(&echo()[..100]).half_close();
    assert!(client.receive().is_none_or(|response| response.status == 400));
    let mut client = server.connect();
    client.half_close();
    assert!(client.is_closed());
}

#[test]
fn credentials_are_asked_for_on_every_path() {
    for password in ["12:3", "{SHA}979f720d1710a2f8ad3e47e2e10577687cbb4315"] {
        let server = Server::with(Some(("user", password)), Limits::default());
        let body = call_body("host.echo", &[Value::Int(1)]);
        for path in ["/RPC2", "/", "/nope", "/logtail/cat", "/stylesheets/supervisor.css"] {
            for method in ["POST", "GET"] {
                let mut client = server.connect();
                let response = client.ask(format!("{method} {path} HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345"));
                assert_eq!(response.status, 401, "{method} {path}");
                assert_eq!(response.header("Www-Authenticate"), Some("Basic realm=\"default\""));
                assert!(client.is_closed());
            }
        }
        // user:12:3, user:12:4, user, not base64.
        for (cookie, status) in [("dXNlcjoxMjoz", 200), ("dXNlcjoxMjo0", 401), ("dXNlcg==", 401), ("d*", 400)] {
            let request = post("/RPC2", &format!("Authorization: basic {cookie}\r\n"), &body);
            assert_eq!(server.connect().ask(&request).status, status, "{cookie}");
            assert_eq!(server.connect_unix().ask(&request).status, status, "{cookie}");
        }
    }
}

#[test]
fn a_refused_client_that_is_still_sending_hears_why() {
    let server = Server::with(Some(("user", "123")), Limits::default());
    let mut client = server.connect();
    let response = client.ask(post("/RPC2", "", &vec![b'x'; 8 << 20]));
    assert_eq!(response.status, 401);
}
