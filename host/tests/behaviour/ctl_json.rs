//! What `supervisorctl --json` prints, against the forms that `host/JSON.md` gives, and beside what is printed without.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use crate::common::{Config, Kind, Output, Supervisord, wait_until};

/// The form of each heading of `host/JSON.md`.
fn forms() -> BTreeMap<String, Value> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("JSON.md")).expect("it is there");
    let mut forms = BTreeMap::new();
    for part in text.split("\n## ").skip(1) {
        let heading = part.lines().next().expect("a heading").to_owned();
        let form = part.split("```json\n").nth(1).and_then(|rest| rest.split("\n```").next()).expect("a form");
        forms.insert(heading, serde_json::from_str(form).expect("JSON"));
    }
    forms
}

/// Whether a value is of a form. The error says where it is not.
fn check(form: &Value, value: &Value, place: &str) -> Result<(), String> {
    let fails = || Err(format!("{place}: {value} is not {form}"));
    match (form, value) {
        (Value::String(kinds), _) => {
            let is = |kind: &str| match kind {
                "any" => true,
                "string" => value.is_string(),
                "integer" => value.is_i64(),
                "number" => value.is_number(),
                "boolean" => value.is_boolean(),
                "text" => value.is_string() || value.get("base64").is_some_and(Value::is_string),
                other => panic!("{place}: no such kind: {other}"),
            };
            if kinds.split('|').any(is) { Ok(()) } else { fails() }
        }
        (Value::Array(form), Value::Array(items)) => {
            let mut items = items.iter().enumerate();
            items.try_for_each(|(index, item)| check(&form[0], item, &format!("{place}[{index}]")))
        }
        (Value::Object(form), Value::Object(members)) => {
            for (name, form) in form.iter().filter(|(name, _)| *name != "…") {
                match members.get(name.trim_end_matches('?')) {
                    Some(member) => check(form, member, &format!("{place}.{name}"))?,
                    None if name.ends_with('?') => {}
                    None => return Err(format!("{place}: no {name} in {value}")),
                }
            }
            for (name, member) in members {
                let is_known = form.contains_key(name) || form.contains_key(&format!("{name}?"));
                match form.get("…") {
                    _ if is_known => {}
                    Some(further) => check(further, member, &format!("{place}.{name}"))?,
                    None => return Err(format!("{place}: {name} is not in the form {form:?}")),
                }
            }
            Ok(())
        }
        _ => fails(),
    }
}

/// The only line that there is, read; with its errors apart.
#[track_caller]
fn document(output: &Output) -> (Value, Vec<Value>) {
    assert!(output.stdout.ends_with('\n') && output.stdout.lines().count() == 1, "{output:?}");
    let mut document: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let errors = document.as_object_mut().expect("an object").remove("errors");
    (document, errors.map(|errors| errors.as_array().expect("a list").clone()).unwrap_or_default())
}

fn config() -> Config {
    let operations = "supervisor.ctl_factory=supervisor_cache.operations:make_cache_operations";
    Config::new()
        .program("cat", "command=/bin/sh -c \"echo one; echo two; exec cat\"\nstartsecs=0\nrlimit_nofile=64")
        .program("num", "command=/bin/cat\nprocess_name=num_%(process_num)d\nnumprocs=2\nstartsecs=0\nautostart=false")
        .program("gone", "command=/bin/sh -c \"exit 3\"\nautorestart=false\nstartsecs=0")
        .section("ctlplugin:ops", operations)
}

fn start() -> Supervisord {
    let supervisord = Supervisord::start(&config());
    supervisord.wait_for_state("cat", "RUNNING");
    supervisord.wait_for_state("gone", "EXITED");
    wait_until("it has written", || supervisord.sandbox.read("cat.out") == "one\ntwo\n");
    supervisord
}

/// Actions, each with the heading of its form and its exit status; the later ones find what the earlier have done.
const ACTIONS: &[(&str, &str, i32)] = &[
    ("status", "status", 3),
    ("status cat", "status", 0),
    ("status nope", "status", 4),
    ("status --verbose", "status --verbose", 3),
    ("pid", "pid", 0),
    ("pid all", "pid NAME", 0),
    ("pid cat gone", "pid NAME", 7),
    ("pid nope", "pid NAME", 1),
    ("start num:*", "start, stop, restart, signal, clear, rotate, reopen", 0),
    ("start num:num_0 nope", "start, stop, restart, signal, clear, rotate, reopen", 1),
    ("stop num:*", "start, stop, restart, signal, clear, rotate, reopen", 0),
    ("stop nope:*", "start, stop, restart, signal, clear, rotate, reopen", 1),
    ("restart num:*", "start, stop, restart, signal, clear, rotate, reopen", 0),
    ("restart num_*", "start, stop, restart, signal, clear, rotate, reopen", 0),
    ("restart --rolling num:*", "start, stop, restart, signal, clear, rotate, reopen", 0),
    ("restart --rolling gone num:*", "start, stop, restart, signal, clear, rotate, reopen", 1),
    ("signal CONT num:*", "start, stop, restart, signal, clear, rotate, reopen", 0),
    ("signal NOPE cat", "start, stop, restart, signal, clear, rotate, reopen", 1),
    ("clear num:num_0", "start, stop, restart, signal, clear, rotate, reopen", 0),
    ("rotate cat", "start, stop, restart, signal, clear, rotate, reopen", 0),
    ("reopen", "start, stop, restart, signal, clear, rotate, reopen", 0),
    ("remove gone", "add, remove, update", 0),
    ("remove cat nope", "add, remove, update", 1),
    ("add gone cat nope", "add, remove, update", 1),
    ("update", "add, remove, update", 0),
    ("update nope", "add, remove, update", 1),
    ("update --dry-run", "update --dry-run", 0),
    ("reread", "reread", 0),
    ("avail", "avail", 0),
    ("version", "version", 0),
    ("plugins", "plugins", 0),
    ("upgrade --check", "upgrade --check", 0),
    ("tail cat stderr", "tail, maintail", 0),
    ("tail -5 cat", "tail, maintail", 0),
    ("maintail --lines 2", "tail, maintail", 0),
    ("help", "help", 0),
    ("help status", "help ACTION", 0),
    ("cache_store foo bar", "A plugin's command", 0),
    ("cache_fetch foo", "A plugin's command", 0),
    ("cache_keys", "A plugin's command", 0),
    ("cache_count", "A plugin's command", 0),
    ("cache_dump", "A plugin's command", 0),
    ("cache_list", "A plugin's command", 0),
    ("cache_info", "A plugin's command", 0),
    ("cache_add foo x", "A plugin's command", 0),
];

#[test]
fn every_action_prints_what_is_said_of_it() {
    let (supervisord, forms) = (start(), forms());
    let mut wrong = Vec::new();
    for (line, heading, status) in ACTIONS {
        let words: Vec<&str> = ["--json"].into_iter().chain(line.split(' ')).collect();
        let output = supervisord.ctl(&words);
        let (document, errors) = document(&output);
        let errors = serde_json::json!({ "errors": errors });
        wrong.extend(check(&forms[*heading], &document, line).err());
        wrong.extend(check(&forms["errors"], &errors, line).err());
        if output.status != *status || !output.stderr.is_empty() {
            wrong.push(format!("{line}: exit status {} instead of {status}: {output:?}", output.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_changes_the_server_is_told_too() {
    let (mut supervisord, forms) = (start(), forms());
    let conf = supervisord.sandbox.read("supervisord.conf");
    supervisord.sandbox.write("supervisord.conf", conf.replace("numprocs=2", "numprocs=3"));
    for (line, heading) in [
        ("reread", "reread"),
        ("update --dry-run", "update --dry-run"),
        ("update", "add, remove, update"),
        ("upgrade", "upgrade"),
        ("reload", "reload, shutdown"),
        ("shutdown", "reload, shutdown"),
    ] {
        if line == "shutdown" {
            wait_until("it is there again", || supervisord.ctl(&["version"]).status == 0);
        }
        let words: Vec<&str> = ["--json"].into_iter().chain(line.split(' ')).collect();
        let output = supervisord.ctl(&words);
        assert_eq!(output.status, 0, "{line}: {output:?}");
        let (document, errors) = document(&output);
        assert_eq!((check(&forms[heading], &document, line), errors), (Ok(()), vec![]), "{line}");
        let is_empty = |list: &str| document[list].as_array().is_none_or(Vec::is_empty);
        assert!(
            !(is_empty("changed") && is_empty("changes") && is_empty("results") && line != "upgrade"),
            "{document}"
        );
    }
    supervisord.wait();
}

#[test]
fn exit_statuses_are_those_of_the_text() {
    let supervisord = start();
    for line in [
        "status",
        "status nope",
        "pid",
        "pid nope",
        "pid gone",
        "stop",
        "start",
        "signal",
        "tail",
        "tail -f",
        "tail cat x",
        "tail nope",
        "tail --lines 0 cat",
        "maintail -x",
        "fg",
        "fg gone",
        "add",
        "remove nope",
        "avail x",
        "reread x",
        "update nope",
        "reload x",
        "shutdown x",
        "version x",
        "plugins x",
        "upgrade x",
        "nonsense",
        "help nope",
        "cache_fetch",
        "cache_fetch nope",
        "events NOPE",
        "open foo",
        "restart --batch 1 cat",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let text = supervisord.ctl(&words);
        let json = supervisord.ctl(&[&["--json"], words.as_slice()].concat());
        assert_eq!((json.status, json.stderr.as_str()), (text.status, ""), "{line}: {text:?} {json:?}");
        let (document, errors) = document(&json);
        let all_went_well = errors.is_empty() && document["results"].as_array().is_none_or(Vec::is_empty);
        assert_eq!(all_went_well, ["status", "pid", "pid gone", "add"].contains(&line), "{line}: {json:?}");
    }
}

#[test]
fn errors_before_an_action_are_json_too() {
    let supervisord = start();
    let first = |words: &[&str], status: i32| {
        let output = supervisord.ctl(words);
        assert_eq!((output.status, output.stderr.as_str()), (status, ""), "{output:?}");
        document(&output).1[0]["message"].as_str().expect("a text").to_owned()
    };
    let url = "http://127.0.0.1:1";
    assert_eq!(first(&["--json", "-s", url, "status"], 4), format!("{url} refused connection"));
    assert_eq!(first(&["--json", "-s", "foo", "status"], 2), "invalid value for -s 'foo': value 'foo' is not a URL");
    assert_eq!(first(&["--json"], 2), "--json needs an action: it is not for the shell");
    assert_eq!(first(&["--json", "--nope"], 2), "option --nope not recognized");
    let missing = Config::new().section("ctlplugin:nope", "supervisor.ctl_factory=no_such_plugin:make");
    let supervisord = Supervisord::start(&missing);
    let output = supervisord.ctl(&["--json", "nope_do"]);
    assert_eq!((output.status, output.stderr.as_str()), (1, ""));
    let message = document(&output).1[0]["message"].to_string();
    assert!(message.starts_with("\"no command 'nope_do' without the plugin of [ctlplugin:nope] ("), "{message}");
}

#[test]
fn a_program_that_answers_gets_no_questions_on_stdout() {
    let supervisord = start();
    let output = supervisord.ctl_with_input(Kind::Ours, &["--json", "-i", "shutdown"], "n\n");
    assert_eq!(
        (output.stdout.as_str(), output.stderr.as_str()),
        ("{}\n", "Really shut the remote supervisord process down y/N? ")
    );
}

#[test]
fn values_are_what_they_are() {
    let supervisord = start();
    supervisord.ctl(&["cache_store", "foo", "bar baz"]);
    for (words, expected) in [
        (&["cache_fetch", "foo"][..], r#"{"value":"bar baz"}"#),
        (&["cache_keys"], r#"{"value":["foo"]}"#),
        (&["cache_count"], r#"{"value":1}"#),
        (&["cache_list"], r#"{"value":["foo"]}"#),
        (&["cache_dump"], r#"{"value":[{"key":"foo","value":"bar baz","seconds":0.0}]}"#),
        (&["cache_delete", "foo"], "{}"),
        (&["cache_fetch", "foo"], r#"{"errors":[{"message":"BAD_NAME","code":10}]}"#),
        (&["cache_fetch"], r#"{"errors":[{"message":"cache_fetch is used so: cache_fetch <key>"}]}"#),
        (&["tail", "--lines", "1", "cat"], "{\"name\":\"cat\",\"channel\":\"stdout\",\"log\":\"two\\n\"}"),
        (&["version"], r#"{"version":"4.3.0"}"#),
        (&["stop", "nope"], r#"{"results":[{"name":"nope","result":"error","message":"no such process","code":10}]}"#),
    ] {
        let output = supervisord.ctl(&[&["--json"], words].concat());
        assert_eq!(output.stdout, format!("{expected}\n"), "{words:?}");
    }
    // A Supervisor is asked in the same way.
    let real = Supervisord::start_real(&Config::new());
    assert_eq!(real.ctl(&["--json", "status", "--verbose"]).status, 3);
    assert_eq!(real.ctl(&["--json", "status"]).stdout, "{\"processes\":[]}\n");
    let text = "{\"errors\":[{\"message\":\"this supervisord does not tell of its events\"}]}\n";
    let output = real.ctl(&["--json", "events"]);
    assert_eq!((output.status, output.stdout.as_str()), (3, text));
}
