//! Plugins, and the panels that they add.

use super::{assert_the_same, button, open};
use crate::common::{Config, Supervisord};

const CELLS: &str = "[...document.querySelectorAll('.panel tbody tr')].map((row) => [...row.cells].slice(0, 4).map((cell) => cell.textContent).join('|')).join(';')";

#[test]
fn the_cache_is_seen_and_changed() {
    let supervisord = Supervisord::start(&Config::new());
    supervisord.python("s.cache.store('first', 'one'); s.cache.store('list', [1, 2])");
    let Some(browser) = open(&supervisord) else { return };
    browser.eval("[...document.querySelectorAll('nav a')].find((it) => it.textContent === 'Cache').click()");
    browser.wait(&format!("{CELLS} === 'first|string|3|one;list|array|96|[1, 2]'"));
    // What others do is seen.
    supervisord.python("s.cache.store('other', 'x')");
    browser.wait(&format!("{CELLS}.includes('other|string|1|x')"));
    browser.click(".forms input[name=key]");
    browser.press("deploy⇥<b>blue⏎");
    browser.wait(&format!("{CELLS}.startsWith('deploy|string|7|<b>blue;')"));
    assert_eq!(supervisord.python("print(s.cache.fetch('deploy'))").trim(), "<b>blue");
    browser.click(&button("Show", "list"));
    browser.wait("document.querySelector('.value').textContent.replace(/\\s/g, '') === '[1,2]'");
    browser.click(&button("Delete", "first"));
    browser.accept();
    browser.wait(&format!("!{CELLS}.includes('first|')"));
    assert_eq!(supervisord.python("print(s.cache.getKeys())").trim(), "['deploy', 'list', 'other']");
    // Pages, and a search.
    supervisord.python("for n in range(120): s.cache.store('k%03d' % n, 'v')");
    browser.click("#view input[type=search]");
    browser.press("k");
    browser.wait(&format!("{CELLS}.startsWith('k000|') && {CELLS}.endsWith('k049|string|1|v')"));
    let click = |label: &str| {
        browser.eval(&format!(
            "[...document.querySelectorAll('#view button')].find((it) => it.textContent === '{label}').click()"
        ));
    };
    click("More");
    browser.wait(&format!("{CELLS}.startsWith('k050|')"));
    click("More");
    browser.wait(&format!("{CELLS}.endsWith('k119|string|1|v')"));
    click("Back");
    browser.wait(&format!("{CELLS}.startsWith('k050|')"));
    click("Back");
    browser.wait(&format!("{CELLS}.startsWith('k000|')"));
    assert_the_same(&browser);
}

#[test]
fn plugins_are_listed_with_their_figures() {
    let supervisord = Supervisord::start(&Config::new());
    let Some(browser) = open(&supervisord) else { return };
    browser.click("nav a[href=\"#plugins\"]");
    browser.wait(&format!("{CELLS}.includes('|cache|')"));
    let calls = "Number(document.querySelector('.panel tbody tr').cells[3].textContent)";
    let before = browser.eval(calls).as_f64().expect("a number");
    supervisord.python("for n in range(5): s.cache.getCount()");
    browser.wait(&format!("{calls} >= {before} + 5"));
    // A panel goes on where the supervisord comes back.
    supervisord.ctl(&["reload"]);
    browser.wait(&format!("{calls} < 5"));
}

#[test]
fn a_fault_of_a_panel_is_said() {
    let supervisord = Supervisord::start(&Config::new());
    let Some(browser) = open(&supervisord) else { return };
    browser.eval("[...document.querySelectorAll('nav a')].find((it) => it.textContent === 'Cache').click()");
    browser.wait("document.querySelector('.forms input') !== null");
    // An empty key is none.
    browser.click(".forms button");
    browser.wait(
        "document.querySelector('.status_msg.error')?.textContent.includes('Cache key must be a non-empty string')",
    );
}
