//! How the page looks: on a phone, in the dark, without scripts, and with many programs.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{assert_the_same, button, open, state};
use crate::common::{Browser, Config, Supervisord};

fn config() -> Config {
    Config::new()
        .program("cat", "command=/bin/cat")
        .program("a_program_with_a_name_that_is_rather_long", "command=/bin/cat\nautostart=false")
        .program("web", "command=/bin/cat\nprocess_name=%(program_name)s_%(process_num)d\nnumprocs=2")
}

/// Expression: whether everything fits into the width of the window.
const FITS: &str = "document.documentElement.scrollWidth <= innerWidth && \
    [...document.querySelectorAll('button, input, select, a, td, th')].filter((it) => it.checkVisibility({ visibilityProperty: true }) && \
    it.closest('thead') === null).every((it) => it.getBoundingClientRect().right <= innerWidth + 1)";

#[test]
fn a_phone_is_wide_enough() {
    let supervisord = Supervisord::start(&config());
    supervisord.python("s.cache.store('a' * 100, 'b' * 500)");
    let Some(browser) = open(&supervisord) else { return };
    browser.size(400, 800);
    browser.wait(&format!("{} === 'running'", state("cat")));
    browser.wait("innerWidth === 400");
    browser.wait(FITS);
    browser.click(&button("Stop", "cat"));
    browser.wait(&format!("{} === 'stopped'", state("cat")));
    browser.click(&button("Log", "cat"));
    browser.wait("document.getElementById('drawer').checkVisibility()");
    browser.wait(FITS);
    browser.click("#drawer .close");
    for title in ["Main Log", "Plugins", "Cache"] {
        browser.eval(&format!(
            "[...document.querySelectorAll('nav a')].find((it) => it.textContent === '{title}').click()"
        ));
        browser.wait("document.querySelector('#view .line, #view .panel tbody tr') !== null");
        browser.wait(FITS);
    }
    assert_the_same(&browser);
}

#[test]
fn it_is_dark_where_the_system_is() {
    let supervisord = Supervisord::start(&config());
    let Some(browser) = open(&supervisord) else { return };
    let light = "getComputedStyle(document.body).backgroundColor === 'rgb(255, 255, 255)'";
    browser.wait(light);
    browser.darken();
    browser.wait("getComputedStyle(document.body).backgroundColor === 'rgb(20, 24, 29)'");
    browser.wait("getComputedStyle(document.getElementById('filter')).backgroundColor === 'rgb(20, 24, 29)'");
    assert_the_same(&browser);
}

#[test]
fn without_scripts_it_works_as_it_always_did() {
    let supervisord = Supervisord::start(&config());
    supervisord.wait_for_state("cat", "RUNNING");
    let Some(browser) = Browser::open() else { return };
    browser.forbid_scripts();
    browser.go(&format!("http://localhost:{}/", supervisord.port));
    // What WebDriver evaluates is not the page's.
    assert_eq!(browser.eval("document.body.classList.contains('live')"), false);
    browser.click("button[aria-label=\"Stop cat\"]");
    browser.wait("document.querySelector('.status_msg')?.textContent === 'Process cat stopped'");
    assert_eq!(supervisord.statename("cat"), "STOPPED");
    browser.wait("location.search.startsWith('?message=')");
}

#[test]
fn five_hundred_programs_stay_fluid() {
    let many = "command=/bin/cat\nprocess_name=%(program_name)s_%(process_num)03d\nnumprocs=250\nautostart=false";
    let supervisord = Supervisord::start(&config().program("one", many).program("other", many));
    let Some(browser) = open(&supervisord) else { return };
    browser.wait("document.getElementById('count').textContent === '504 programs'");
    browser.eval(
        "new PerformanceObserver((list) => list.getEntries().forEach((entry) => \
         (window.longest = Math.max(window.longest, entry.duration)))).observe({ entryTypes: ['longtask'] })",
    );
    // Where the machine is busy, a task takes as long as others are served meanwhile, but not each time.
    let longest = (0..5).map(|_| longest_task(&supervisord, &browser)).find(|longest| *longest < 1000.0);
    assert!(longest.is_some(), "each time there was a task of a second");
    assert_the_same(&browser);
}

/// The longest time for which a page of 504 programs does nothing else, in milliseconds, while it is filtered and
/// changes.
fn longest_task(supervisord: &Supervisord, browser: &Browser) -> f64 {
    browser.eval("window.longest = 0");
    browser.click("#filter");
    browser.press("one_2");
    browser.wait("document.getElementById('count').textContent === '50 of 504 programs'");
    browser
        .eval("((it) => { it.value = ''; it.dispatchEvent(new Event('input')); })(document.getElementById('filter'))");
    let some = ["one:one_000", "one:one_249", "other:other_249"];
    supervisord.ctl(&[&["start"], &some[..]].concat());
    browser.wait(&format!("{} === 'running'", state("other:other_249")));
    browser.eval("scrollTo(0, document.body.scrollHeight)");
    // What comes into sight is drawn.
    browser.wait(
        "document.querySelector('tr[data-namespec=\"other:other_249\"] .description').textContent.startsWith('pid ')",
    );
    let longest = browser.eval("window.longest").as_f64().expect("a number");
    eprintln!("the longest task took {longest} ms");
    supervisord.ctl(&[&["stop"], &some[..]].concat());
    longest
}

/// Programs as somebody may have them, for the pictures of the README.
fn example() -> Config {
    Config::new()
        .program(
            "api",
            "command=/bin/sh -c 'i=0; while :; do i=$((i+1)); echo \"GET /orders/$i 200\"; n=0; while [ $n -lt $((i%%7*9000)) ]; do \
             n=$((n+1)); done; sleep 0.4; done'\nprocess_name=%(program_name)s_%(process_num)d\nnumprocs=3",
        )
        .program("postgres", "command=/bin/sleep 100000")
        .program("mailer", "command=/bin/cat\nstartsecs=1000")
        .program("reports", "command=/bin/cat\ndepends_on=mailer")
        .program("migrate", "command=/bin/true\nstartsecs=0\nautorestart=false")
        .program("legacy", "command=/bin/false\nstartretries=0")
}

#[test]
#[ignore = "writes the pictures of the README"]
fn pictures_of_the_readme() {
    let supervisord = Supervisord::start(&example());
    let Some(browser) = open(&supervisord) else { return };
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conf");
    let write = |name: &str| {
        let picture = STANDARD.decode(browser.picture()).expect("base64");
        fs::write(conf.join(name), picture).expect("the picture can be written");
    };
    let samples = "(document.querySelector('tr[data-namespec=\"api:api_0\"] .cpu path').getAttribute('d').match(/L/g) ?? []).length";
    browser.size(1100, 640);
    // A minute of them, for which a test has less patience.
    browser.wait(&format!("{samples} >= 13"));
    browser.wait(&format!("{samples} >= 26"));
    browser.eval("document.activeElement.blur()");
    write("page-light.png");
    browser.darken();
    browser.size(400, 760);
    browser.wait("innerWidth === 400");
    write("page-dark.png");
}
