//! The HTML of the pages: plain, and of use without scripts.

use std::fmt::Write as _;

use plugin_api::Value;

use super::form::{escape, quote};
use crate::{states::ProcessState, text::namespec::make_namespec, version::SUPERVISOR};

/// Tag of the script, for the page that it keeps alive.
const SCRIPT: &str = "<script src=\"javascripts/live.js\" defer></script>\n";

/// A page around its body. `title` is text, `script` and `body` are HTML.
fn page(title: &str, script: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"stylesheets/supervisor.css\">\n\
         <link rel=\"icon\" type=\"image/png\" href=\"images/icon.png\">\n{script}</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// A page that says one thing.
pub(super) fn notice(title: &str, text: &str) -> String {
    page(
        title,
        "",
        &format!("<h1>{}</h1>\n<p>{}</p>\n<p><a href=\"./\">All programs</a></p>\n", escape(title), escape(text)),
    )
}

/// A page that asks whether an action of a link is meant, with the button that does it.
pub(super) fn question(action: &str, processname: Option<&str>) -> String {
    let (name, action) = (processname.unwrap_or("all programs"), escape(action));
    let button = button(&action, "Do it", processname);
    page(
        "Supervisor Status",
        "",
        &format!(
            "<h1>Supervisor Status</h1>\n<p>A link asks for this: {action} {}.</p>\n<p>{button}</p>\n\
             <p><a href=\"./\">All programs</a></p>\n",
            escape(name)
        ),
    )
}

/// The status of all programs. `infos` are those of `supervisor.getAllProcessInfo`, or what is to be said instead.
pub(super) fn status(infos: Result<&[Value], &str>, message: Option<&str>) -> String {
    let message = message
        .map_or_else(String::new, |text| format!("<p class=\"status_msg\" role=\"status\">{}</p>\n", escape(text)));
    let programs = match infos {
        Err(why) => format!("<p role=\"alert\">{}</p>\n", escape(why)),
        Ok([]) => "<p>No programs to manage</p>\n".to_owned(),
        Ok(infos) => {
            let rows: String = infos.iter().map(row).collect();
            format!(
                "<table>\n<thead><tr><th scope=\"col\">State</th><th scope=\"col\">Description</th>\
                 <th scope=\"col\">Name</th><th scope=\"col\">Action</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
            )
        }
    };
    let buttons: String = [("refresh", "Refresh"), ("restartall", "Restart All"), ("stopall", "Stop All")]
        .map(|(action, label)| button(action, label, None))
        .concat();
    page(
        "Supervisor Status",
        SCRIPT,
        &format!(
            "<header>\n<h1>Supervisor Status</h1>\n<div class=\"buttons\">{buttons}</div>\n</header>\n<main>\n\
             {message}{programs}</main>\n<footer>Supervisor {SUPERVISOR}</footer>\n"
        ),
    )
}

/// Row of a process in the table.
fn row(info: &Value) -> String {
    let text = |member: &str| info.get(member).and_then(Value::as_str).unwrap_or_default();
    let (group, name) = (text("group"), text("name"));
    let namespec = make_namespec(group, name);
    let state = text("statename");
    let is = |states: &[ProcessState]| states.iter().any(|it| it.name() == state);
    let class = if is(&[ProcessState::Running]) {
        "statusrunning"
    } else if is(&[ProcessState::Fatal, ProcessState::Backoff]) {
        "statuserror"
    } else {
        "statusnominal"
    };
    let mut actions = if is(&[ProcessState::Running]) {
        button("restart", "Restart", Some(&namespec)) + &button("stop", "Stop", Some(&namespec))
    } else if is(&[ProcessState::Stopped, ProcessState::Exited, ProcessState::Fatal]) {
        button("start", "Start", Some(&namespec))
    } else {
        String::new()
    };
    actions += &button("clearlog", "Clear Log", Some(&namespec));
    let quoted = quote(&namespec);
    for (path, label) in [(quoted.clone(), "Tail -f Stdout"), (format!("{quoted}/stderr"), "Tail -f Stderr")] {
        // Writing to a `String` cannot fail.
        let _ = write!(
            actions,
            "<a class=\"button\" href=\"logtail/{path}\" target=\"_blank\" rel=\"noopener\">{label}</a> "
        );
    }
    format!(
        "<tr><td><span class=\"{class}\">{}</span></td><td>{}</td>\
         <td><a href=\"tail.html?processname={quoted}\" target=\"_blank\" rel=\"noopener\">{}</a></td>\
         <td class=\"buttons\">{actions}</td></tr>\n",
        escape(&state.to_lowercase()),
        escape(text("description")),
        escape(&namespec),
    )
}

/// A form of one button. What changes something is a POST, so that nobody does it by following a link.
fn button(action: &str, label: &str, namespec: Option<&str>) -> String {
    let (field, of) = namespec.map_or_else(Default::default, |namespec| {
        let namespec = escape(namespec);
        (
            format!("<input type=\"hidden\" name=\"processname\" value=\"{namespec}\">"),
            format!(" aria-label=\"{label} {namespec}\""),
        )
    });
    format!(
        "<form method=\"post\" action=\"index.html\">{field}\
         <button name=\"action\" value=\"{action}\"{of}>{label}</button></form> "
    )
}

/// The end of a log. `refresh` is what the page is called with, if it was called with a process.
pub(super) fn tail(processname: Option<(&str, i32)>, text: &str) -> String {
    let name = processname.map_or("None", |(name, _)| name);
    let title = format!("Supervisor tail of process {name}");
    let refresh = processname.map_or_else(String::new, |(name, limit)| {
        let name = quote(name);
        format!("<p><a class=\"button\" href=\"tail.html?processname={name}&amp;limit={limit}\">Refresh</a></p>\n")
    });
    // A browser leaves out the first line feed of a `pre`.
    page(&title, "", &format!("<main>\n<h1>{}</h1>\n<pre>\n{}</pre>\n{refresh}</main>\n", escape(&title), escape(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str, state: &str) -> Value {
        Value::structure([
            ("group", Value::from("g")),
            ("name", Value::from(name)),
            ("statename", Value::from(state)),
            ("description", Value::from("<b>")),
        ])
    }

    #[test]
    fn buttons_fit_the_state() {
        let buttons = |state: &str| -> Vec<String> {
            let page = status(Ok(&[info("x", state)]), None);
            let row = page.split("<tbody>").nth(1).unwrap();
            let actions = row.split("name=\"action\" value=\"").skip(1);
            actions.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
        };
        assert_eq!(buttons("RUNNING"), ["restart", "stop", "clearlog"]);
        for state in ["STOPPED", "EXITED", "FATAL"] {
            assert_eq!(buttons(state), ["start", "clearlog"]);
        }
        for state in ["STARTING", "STOPPING", "BACKOFF"] {
            assert_eq!(buttons(state), ["clearlog"]);
        }
    }

    #[test]
    fn names_and_texts_are_no_markup() {
        let page = status(Ok(&[info("<i>\"", "RUNNING")]), Some("<script>"));
        assert!(!page.contains("<i>") && !page.contains("<b>") && !page.contains("<script>"), "{page}");
        assert!(
            page.contains("value=\"g:&lt;i&gt;&quot;\"") && page.contains("logtail/g%3A%3Ci%3E%22/stderr"),
            "{page}"
        );
        assert!(tail(Some(("<x>", 1024)), "</pre>").contains("<pre>\n&lt;/pre&gt;</pre>"));
    }

    #[test]
    fn what_cannot_be_listed_is_said() {
        assert!(status(Ok(&[]), None).contains("No programs to manage"));
        assert!(status(Err("SHUTDOWN_STATE"), None).contains("SHUTDOWN_STATE"));
    }
}
