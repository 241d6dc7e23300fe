//! The manual pages and the chapter of options are what the program's tables say now.

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
