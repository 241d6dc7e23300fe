//! The manual pages and the chapter of options are what the program's tables say now, and the configs of all chapters are
//! configs.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Command that writes them anew.
const UPDATE: &str = "UPDATE_MANUAL=1 cargo test -p supervisor-host --test manual";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("host is a folder of the workspace").to_owned()
}

#[test]
fn what_is_made_from_the_tables_is_up_to_date() {
    let mut stale = Vec::new();
    for (path, text) in supervisor_host::man_pages::files() {
        let file = workspace().join(path);
        if env::var_os("UPDATE_MANUAL").is_some() {
            fs::create_dir_all(file.parent().expect("it lies in a folder")).expect("a folder can be made");
            fs::write(&file, text).expect("a file can be written");
        } else if fs::read_to_string(&file).ok().as_deref() != Some(&*text) {
            stale.push(path);
        }
    }
    assert!(stale.is_empty(), "not what the tables say: {}; run\n\n    {UPDATE}\n", stale.join(", "));
}

#[test]
fn every_page_is_roff_without_a_warning() {
    if Command::new("groff").arg("--version").output().is_err() {
        // The pages stay the same, which the other test sees to; some machine with groff has looked at them.
        return;
    }
    for (path, text) in supervisor_host::man_pages::files().into_iter().filter(|(path, _)| path.starts_with("conf/man"))
    {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("page");
        fs::write(&file, text).expect("a file can be written");
        let output = Command::new("groff").args(["-man", "-ww", "-Tutf8"]).arg(&file).output().expect("it is there");
        let warnings = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && warnings.is_empty(), "{path}: {warnings}");
        assert!(output.stdout.len() > 1000, "{path} says something");
    }
}

/// Blocks of Markdown text that begin with that word behind the backquotes.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("\n```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap_or_default()).collect()
}

#[test]
fn every_config_in_the_manual_is_one() {
    let chapters = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("manual")).expect("it stands beside src");
    let program = Path::new(env!("CARGO_BIN_EXE_supervisord"));
    // Cargo leaves the libraries of plugins that tests need there.
    let plugins = program.parent().expect("it lies in a folder").join("deps");
    let mut checked = 0;
    for chapter in chapters {
        let chapter = chapter.expect("it can be listed").path();
        let text = fs::read_to_string(&chapter).expect("it was listed");
        for block in blocks(&text, "ini") {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let config = folder.path().join("supervisord.conf");
            let section = if block.contains("[supervisord]") { "" } else { "[supervisord]\n" };
            fs::write(&config, format!("{section}{block}\n")).expect("a file can be written");
            let mut command = Command::new(program);
            command.arg("-c").arg(&config).args(["--check-config", "text"]);
            let output = command.env("SUPERVISOR_PLUGIN_PATH", &plugins).output().expect("it can be run");
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {told}\n{block}", chapter.display());
            assert!(!told.contains("unknown") && !told.contains("did you mean"), "{}: {told}", chapter.display());
            checked += 1;
        }
    }
    assert!(checked >= 10, "the manual has configs, and not {checked}");
}
