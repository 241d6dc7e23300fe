//! Logs, as they grow.

use std::{fs::OpenOptions, io::Write as _};

use super::{assert_the_same, button, open};
use crate::common::{Config, Kind, Sandbox, Supervisord};

const LINES: &str =
    "[...document.querySelectorAll('.line')].filter((line) => !line.hidden).map((line) => line.textContent)";

fn config() -> Config {
    Config::new().program("cat", "command=/bin/cat\nstdout_logfile={here}/cat.log\nstderr_logfile={here}/cat.err")
}

fn append(supervisord: &Supervisord, file: &str, text: &str) {
    let log = OpenOptions::new().append(true).create(true).open(supervisord.sandbox.join(file));
    log.expect("the log").write_all(text.as_bytes()).expect("written");
}

#[test]
fn the_tail_of_a_log_is_followed_searched_and_held() {
    let sandbox = Sandbox::new();
    let before = (0..500).map(|number| format!("line {number}\n")).collect::<Vec<_>>().concat();
    sandbox.write("cat.log", &before);
    sandbox.write("cat.err", "trouble\n");
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config());
    let Some(browser) = open(&supervisord) else { return };
    browser.click(&button("Log", "cat"));
    browser.wait(&format!("{LINES}.length === 500"));
    append(&supervisord, "cat.log", "\u{1b}[31mred <b>\u{1b}[0m\r\nhalf");
    browser.wait(&format!("{LINES}.slice(-2).join() === 'red <b>,half'"));
    append(&supervisord, "cat.log", " a line\n");
    browser.wait(&format!("{LINES}.slice(-2).join() === 'red <b>,half a line' && {LINES}.length === 502"));
    browser.click("#drawer input[type=search]");
    browser.press("LINE 49");
    browser.wait(&format!("{LINES}.length === 11"));
    assert_eq!(browser.text("document.querySelector('.line:not([hidden]) mark').textContent"), "line 49");
    append(&supervisord, "cat.log", "line 490 again\nnothing\n");
    browser.wait(&format!("{LINES}.length === 12"));
    // Held, it shows what it has, and says what waits.
    browser.eval(
        "((it) => { it.value = ''; it.dispatchEvent(new Event('input')); })(document.querySelector('#drawer input'))",
    );
    browser.click("#drawer button[aria-pressed=false]:not(.buttons *)");
    append(&supervisord, "cat.log", "later\n");
    browser.wait("document.querySelector('#drawer output').textContent.includes('new lines: 1.')");
    assert_eq!(browser.text(&format!("{LINES}.at(-1)")), "nothing");
    browser.click("#drawer button[aria-pressed=true]:not(.buttons *)");
    browser.wait(&format!("{LINES}.at(-1) === 'later'"));
    // The other output, and a log that begins anew.
    browser.eval("[...document.querySelectorAll('#drawer button')].find((it) => it.textContent === 'stderr').click()");
    browser.wait(&format!("{LINES}.join() === 'trouble'"));
    browser.click(&button("Clear Log", "cat"));
    browser.wait("document.querySelector('.status_msg').textContent === 'Log for cat cleared'");
    append(&supervisord, "cat.err", "new trouble\n");
    browser.wait(&format!("{LINES}.at(-1) === 'new trouble'"));
    assert_the_same(&browser);
}

#[test]
fn the_main_log_has_a_view_of_its_own() {
    let supervisord = Supervisord::start(&config());
    let Some(browser) = open(&supervisord) else { return };
    browser.click("nav a[href=\"#log\"]");
    browser.wait(&format!("{LINES}.some((line) => line.includes('supervisord started'))"));
    supervisord.ctl(&["stop", "cat"]);
    browser.wait(&format!("{LINES}.some((line) => line.includes('stopped: cat'))"));
    // Where a link leads, a reload leads too.
    browser.go(&format!("http://localhost:{}/#log", supervisord.port));
    browser.eval("location.reload()");
    browser.wait(&format!("{LINES}.some((line) => line.includes('stopped: cat'))"));
    assert_eq!(browser.text("document.querySelector('nav a[aria-current]').textContent"), "Main Log");
}

#[test]
fn a_program_without_a_log_has_none() {
    let supervisord = Supervisord::start(&config().program("quiet", "command=/bin/cat\nstdout_logfile=NONE"));
    let Some(browser) = open(&supervisord) else { return };
    browser.eval(
        "window.asked = 0, window.fetch = ((before) => (...it) => (window.asked++, before(...it)))(window.fetch), true",
    );
    browser.click(&button("Log", "quiet"));
    browser.wait(&format!("{LINES}[0] === 'There is no log file.'"));
    browser.wait("window.asked === 3");
    assert_eq!(browser.eval(&format!("{LINES}.length")), 1, "it is said once");
}

#[test]
fn a_page_that_nobody_sees_follows_no_log() {
    let sandbox = Sandbox::new();
    sandbox.write("cat.log", "one\ntwo");
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config());
    let Some(browser) = open(&supervisord) else { return };
    browser.click(&button("Log", "cat"));
    browser.wait(&format!("{LINES}.join() === 'one,two'"));
    let see = |is_hidden: bool| {
        browser.eval(&format!(
            "Object.defineProperty(document, 'hidden', {{ value: {is_hidden}, configurable: true }}), \
             document.dispatchEvent(new Event('visibilitychange'))"
        ));
    };
    see(true);
    append(&supervisord, "cat.log", " and a half\n");
    see(false);
    browser.wait(&format!("{LINES}.join() === 'one,two,— the log is followed anew —,one,two and a half'"));
    assert_the_same(&browser);
}

/// An address that is no escaped text leads to the first view.
#[test]
fn an_odd_address_is_no_error() {
    let supervisord = Supervisord::start(&config());
    let Some(browser) = open(&supervisord) else { return };
    browser.eval("location.hash = '%'");
    browser.wait("document.querySelector('nav a[aria-current]').textContent === 'Programs' && location.hash === '#%'");
    browser.go(&format!("http://localhost:{}/#%", supervisord.port));
    browser.eval("location.reload()");
    browser.wait("document.body.classList.contains('live')");
    assert_eq!(browser.complaints(), [""; 0]);
}
