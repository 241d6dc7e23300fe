//! What the page follows.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use nix::sys::signal::Signal;

use super::{assert_the_same, open, row, state};
use crate::{
    common::{Config, Kind, PATIENCE, Running, Supervisord, supervisord_command},
    upgrade::Upgradable,
};

fn config() -> Config {
    Config::new()
        .program("cat", "command=/bin/cat")
        .program("busy", "command=/bin/sh -c 'while :; do :; done'")
        .program("idle", "command=/bin/cat\nautostart=false")
        .program("two", "command=/bin/cat\nprocess_name=%(program_name)s_%(process_num)d\nnumprocs=2")
}

#[test]
fn changes_are_seen_without_a_reload() {
    let supervisord = Supervisord::start(&config());
    let Some(browser) = open(&supervisord) else { return };
    browser.wait(&format!("{} === 'running'", state("cat")));
    browser.wait(&format!("{} === 'stopped'", state("idle")));
    assert_eq!(browser.text("document.getElementById('count').textContent"), "5 programs");
    supervisord.ctl(&["stop", "cat"]);
    browser.wait(&format!("{} === 'stopped'", state("cat")));
    supervisord.ctl(&["start", "idle"]);
    browser.wait(&format!("{} === 'running'", state("idle")));
    // The clock of the page goes on by itself, from what the supervisor says.
    let description = format!("{}.querySelector('.description').textContent", row("idle"));
    let pid = supervisord.pid_of("idle");
    browser.wait(&format!("{description}.startsWith('pid {pid}, uptime 0:00:0')"));
    let before = browser.text(&description);
    browser.wait(&format!("{description} !== '{before}'"));
    // A group goes, and one comes.
    supervisord.ctl(&["stop", "idle"]);
    supervisord.ctl(&["remove", "idle"]);
    browser.wait(&format!("{} === null", row("idle")));
    supervisord.ctl(&["add", "idle"]);
    browser.wait(&format!("{} === 'stopped'", state("idle")));
    let names = "[...document.querySelectorAll('tr[data-namespec]')].map((row) => row.dataset.namespec).join()";
    assert_eq!(browser.text(names), "busy,cat,idle,two:two_0,two:two_1");
    assert_the_same(&browser);
}

#[test]
fn what_programs_use_is_shown_as_a_number_and_a_curve() {
    let supervisord = Supervisord::start(&config());
    let Some(browser) = open(&supervisord) else { return };
    let cell = |process: &str, class: &str| format!("{}.querySelector('.{class}').textContent", row(process));
    browser.wait(&format!("parseFloat({}) > 5", cell("busy", "cpu")));
    browser.wait(&format!("{} === '0.0 %'", cell("cat", "cpu")));
    browser.wait(&format!("/^[0-9.]+ [KM]iB$/.test({})", cell("cat", "memory")));
    let curve = format!("{}.querySelector('.cpu path').getAttribute('d')", row("busy"));
    browser.wait(&format!("({curve}.match(/L/g) ?? []).length >= 2"));
    supervisord.ctl(&["stop", "cat"]);
    browser.wait(&format!("{} === ''", cell("cat", "memory")));
    assert_the_same(&browser);
}

#[test]
fn what_a_program_waits_for_is_said() {
    let config = Config::new()
        .program("slow", "command=/bin/cat\nstartsecs=1000")
        .program("after", "command=/bin/cat\ndepends_on=slow");
    let supervisord = Supervisord::start(&config);
    let Some(browser) = open(&supervisord) else { return };
    let text = format!("{}.textContent", row("after"));
    browser.wait(&format!("{text}.includes('waiting for slow (STARTING)')"));
    assert_the_same(&browser);
}

#[test]
fn a_page_that_lost_its_supervisord_says_so_and_comes_back() {
    let mut supervisord = Supervisord::start(&config());
    let Some(browser) = open(&supervisord) else { return };
    browser.wait(&format!("{} === 'running'", state("cat")));
    supervisord.signal(Signal::SIGTERM);
    supervisord.wait();
    browser.wait("document.body.classList.contains('lost')");
    assert!(browser.text("document.getElementById('connection').textContent").contains("is lost"));
    let again = supervisord_command(&supervisord.sandbox, Kind::Ours, supervisord.config_file());
    let again = Running::start(again);
    browser.wait("!document.body.classList.contains('lost')");
    browser.wait(&format!("{} === 'running'", state("cat")));
    assert_eq!(browser.eval("window.isTheSame"), true, "it is the same script");
    drop(again);
}

#[test]
fn a_page_comes_back_after_an_upgrade() {
    let supervisord = Upgradable::start(&config());
    let Some(browser) = open(&supervisord) else { return };
    browser.wait(&format!("{} === 'running'", state("cat")));
    let pid = supervisord.pid_of("cat");
    supervisord.upgrade();
    supervisord.ctl(&["stop", "busy"]);
    browser.wait(&format!("{} === 'stopped'", state("busy")));
    browser.wait(&format!("{}.textContent.includes('pid {pid},')", row("cat")));
    browser.wait("!document.body.classList.contains('lost')");
    assert_eq!(browser.eval("window.isTheSame"), true);
}

/// Reads from a stream until it holds a text.
fn read_until(connection: &mut TcpStream, text: &str) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&all).contains(text) {
        let count = connection.read(&mut piece).expect("more");
        assert!(count > 0, "it ended before {text:?}: {}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

fn follow(supervisord: &Supervisord) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", supervisord.port)).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
    stream
}

#[test]
fn a_stream_begins_with_everything_and_goes_on_with_what_changes() {
    let supervisord = Supervisord::start(&config());
    supervisord.wait_for_state("cat", "RUNNING");
    let mut streams: Vec<_> = (0..3).map(|_| follow(&supervisord)).collect();
    for stream in &mut streams {
        let head = read_until(stream, "event: snapshot\n");
        assert!(head.contains("Content-Type: text/event-stream"), "{head}");
        let (_, snapshot) = head.split_once("event: snapshot\n").expect("it was found");
        let all = if snapshot.contains("\n\n") {
            snapshot.to_owned()
        } else {
            snapshot.to_owned() + &read_until(stream, "\n\n")
        };
        assert!(all.contains(r#""namespec":"two:two_1""#) && all.contains("_panel_"), "{all}");
    }
    supervisord.ctl(&["stop", "cat"]);
    for stream in &mut streams {
        let change = read_until(stream, r#""state":"STOPPED""#);
        let change = change.rsplit("event: change").next().expect("a part");
        assert!(change.contains(r#""namespec":"cat""#) && !change.contains(r#""namespec":"two:two_0""#), "{change}");
    }
    // Who left is forgotten, and who comes then begins with everything again.
    drop(streams);
    let mut stream = follow(&supervisord);
    let all = read_until(&mut stream, r#""namespec":"two:two_1""#);
    assert!(all.contains("event: snapshot") && all.contains(r#""state":"STOPPED""#), "{all}");
}

/// A page that stops reading holds up neither the others nor anything else.
#[test]
fn a_page_that_does_not_read_holds_up_nobody() {
    let supervisord = Supervisord::start(&config());
    let deaf: Vec<_> = (0..20).map(|_| follow(&supervisord)).collect();
    let mut stream = follow(&supervisord);
    read_until(&mut stream, "event: snapshot");
    for _ in 0..10 {
        supervisord.ctl(&["stop", "cat"]);
        read_until(&mut stream, r#""state":"STOPPED""#);
        supervisord.ctl(&["start", "cat"]);
        read_until(&mut stream, r#""state":"RUNNING""#);
    }
    drop(deaf);
}

/// A supervisord with more programs than a queue has room for can be followed as any other.
#[test]
fn a_snapshot_may_be_large() {
    let long = "x".repeat(20_000);
    let config = (0..150).fold(Config::new(), |config, number| {
        config.program(&format!("p{number}"), &format!("command=/bin/echo {long}\nautostart=false"))
    });
    let supervisord = Supervisord::start(&config);
    let mut stream = follow(&supervisord);
    let (mut read, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    let ends = |read: &[u8]| read[read.len().saturating_sub(100)..].windows(3).any(|it| it == b"}\n\n");
    while read.len() < 150 * long.len() || !ends(&read) {
        let count = stream.read(&mut piece).expect("more");
        assert!(count > 0, "it ended after {} bytes", read.len());
        read.extend_from_slice(&piece[..count]);
    }
    read_until(&mut stream, "event: usage\n");
}
