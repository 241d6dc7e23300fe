//! What a person does to programs, with the mouse and with keys alone.

use super::{assert_the_same, button, open, row, state};
use crate::common::{Config, Supervisord, wait_until};

fn config() -> Config {
    Config::new()
        .program("alpha", "command=/bin/cat")
        .program("beta", "command=/bin/cat\nautostart=false")
        .program("broken", "command=/nonexistent/x\nautostart=false")
        .program("web", "command=/bin/cat\nprocess_name=%(program_name)s_%(process_num)d\nnumprocs=3")
}

const SAID: &str = "document.querySelector('.status_msg').textContent";

/// Expression: the names of the programs that are shown.
const SHOWN: &str = "[...document.querySelectorAll('tr[data-namespec]')].filter((row) => row.checkVisibility()).map((row) => row.dataset.namespec).join()";

#[test]
fn buttons_act_without_a_reload() {
    let supervisord = Supervisord::start(&config());
    let Some(browser) = open(&supervisord) else { return };
    browser.wait(&format!("{} === 'running'", state("alpha")));
    browser.click(&button("Stop", "alpha"));
    browser.wait(&format!("{} === 'stopped'", state("alpha")));
    browser.wait(&format!("{SAID} === 'Process alpha stopped'"));
    assert_eq!(supervisord.statename("alpha"), "STOPPED");
    browser.click(&button("Start", "alpha"));
    browser.wait(&format!("{} === 'running'", state("alpha")));
    let pid = supervisord.pid_of("alpha");
    browser.wait(&format!("{SAID} === 'Process alpha started'"));
    browser.click(&button("Restart", "alpha"));
    browser.wait(&format!("{SAID} === 'Process alpha restarted'"));
    assert_ne!(supervisord.pid_of("alpha"), pid);
    // What cannot be is said, in the plain page's words.
    browser.click(&button("Start", "broken"));
    browser.wait(&format!("{SAID} === 'ERROR: Process broken: no such file'"));
    browser.wait("document.querySelector('.status_msg').classList.contains('error')");
    // The plain page's own buttons.
    browser.click("button[value=stopall]");
    browser.wait(&format!("{SAID}.startsWith('All stopped at ')"));
    browser.wait(&format!("{} === 'stopped'", state("web:web_2")));
    assert_the_same(&browser);
}

#[test]
fn groups_are_started_stopped_and_folded() {
    let supervisord = Supervisord::start(&config());
    let Some(browser) = open(&supervisord) else { return };
    browser.wait("document.body.innerText.includes('3 of 3 running')");
    browser.click(&button("Stop", "group web"));
    browser.wait("document.body.innerText.includes('0 of 3 running')");
    browser.wait(&format!("{SAID} === 'Group web: stop done'"));
    assert_eq!(supervisord.statename("web:web_1"), "STOPPED");
    browser.click(&button("Start", "group web"));
    browser.wait("document.body.innerText.includes('3 of 3 running')");
    assert_eq!(browser.text(SHOWN), "alpha,beta,broken,web:web_0,web:web_1,web:web_2");
    browser.click(".group:not([hidden]) .fold[aria-expanded=true]");
    assert_eq!(browser.text(SHOWN), "alpha,beta,broken");
    browser.click(".group:not([hidden]) .fold[aria-expanded=false]");
    assert_eq!(browser.text(SHOWN), "alpha,beta,broken,web:web_0,web:web_1,web:web_2");
    assert_the_same(&browser);
}

#[test]
fn programs_are_filtered_by_name_and_state() {
    let failing = "command=/bin/false\nstartretries=0\nautostart=false";
    let supervisord = Supervisord::start(&config().without("program:broken").program("failing", failing));
    let Some(browser) = open(&supervisord) else { return };
    supervisord.ctl(&["start", "failing"]);
    browser.wait(&format!("{} === 'fatal'", state("failing")));
    browser.wait(&format!("{} === 'running'", state("web:web_2")));
    let choose = |name: &str| {
        browser.eval(&format!(
            "((it) => {{ it.value = '{name}'; it.dispatchEvent(new Event('change')); }})(document.getElementById('which'))"
        ));
    };
    for (which, shown) in [
        ("in trouble", "failing"),
        ("not running", "beta,failing"),
        ("running", "alpha,web:web_0,web:web_1,web:web_2"),
        ("all", "alpha,beta,failing,web:web_0,web:web_1,web:web_2"),
    ] {
        choose(which);
        assert_eq!(browser.text(SHOWN), shown, "{which}");
    }
    browser.click("#filter");
    browser.press("WEB _1");
    assert_eq!(browser.text(SHOWN), "web:web_1");
    assert_eq!(browser.text("document.getElementById('count').textContent"), "1 of 6 programs");
    // One that comes to be so is shown, one that ceases to be so is not.
    browser.eval("document.getElementById('filter').value = ''");
    choose("not running");
    supervisord.ctl(&["stop", "alpha"]);
    browser.wait(&format!("{SHOWN} === 'alpha,beta,failing'"));
    supervisord.ctl(&["start", "beta"]);
    browser.wait(&format!("{SHOWN} === 'alpha,failing'"));
    assert_the_same(&browser);
}

#[test]
fn keys_alone_will_do() {
    let supervisord = Supervisord::start(&config());
    let Some(browser) = open(&supervisord) else { return };
    browser.wait(&format!("{} === 'running'", state("alpha")));
    let focused = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent";
    browser.press("/");
    assert_eq!(browser.text(focused), "Filter programs");
    browser.press("a");
    browser.press("↓");
    assert_eq!(browser.text(focused), "Stop alpha");
    browser.press("⏎");
    wait_until("it is stopped", || supervisord.statename("alpha") == "STOPPED");
    browser.wait(&format!("{} === 'stopped'", state("alpha")));
    assert_eq!(browser.text(focused), "Start alpha", "the focus stays where it was");
    browser.press("⏎");
    wait_until("it is started", || supervisord.statename("alpha") == "RUNNING");
    // From row to row, and from button to button.
    browser.press("↓");
    assert_eq!(browser.text(focused), "Start beta");
    browser.press("⇥⇥");
    assert_eq!(browser.text(focused), "Log beta");
    browser.press("↑");
    assert_eq!(browser.text(focused), "Log alpha");
    browser.press("⏎");
    browser.wait("document.getElementById('drawer').checkVisibility()");
    assert_eq!(browser.text(focused), "alpha", "it is in what has opened");
    browser.press("⇥");
    assert_eq!(browser.text(focused), "stdout");
    browser.press("⎋");
    assert_eq!(browser.eval("document.getElementById('drawer').checkVisibility()"), false);
    assert_eq!(browser.text(focused), "Log alpha", "and is back where it was");
    assert!(browser.text(&format!("{}.textContent", row("alpha"))).contains("running"));
    assert_the_same(&browser);
}
