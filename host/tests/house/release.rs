//! `.ci/release` makes a release of a tree that is in order, and names all that is not.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::source;

/// Copy of the files of the workspace that a release depends on, as a repository of its own.
struct Tree(tempfile::TempDir);

impl Tree {
    /// Make the copy; its changelog has a date.
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().expect("a directory"));
        let workspace = source::workspace();
        let text = fs::read_to_string(workspace.join("Cargo.toml")).expect("the workspace has one");
        let members = text.lines().find_map(|line| line.strip_prefix("members = ")).expect("a list of members");
        let members = members.split('"').skip(1).step_by(2).map(|member| format!("{member}/Cargo.toml"));
        for file in members.chain(["Cargo.toml", "Cargo.lock", ".ci/release"].map(str::to_owned)) {
            let to = tree.path(&file);
            fs::create_dir_all(to.parent().expect("it lies in the tree")).expect("a directory");
            fs::copy(workspace.join(&file), to).expect("a copy");
        }
        tree.write("CHANGELOG.md", &format!("# Changelog\n\n## {} (2026-11-29)\n", env!("CARGO_PKG_VERSION")));
        // Nothing is built here, so that it need not be there.
        tree.write(".git/bin/cargo-deb", "#!/bin/sh\necho 1.2.3\n");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(tree.path(".git/bin/cargo-deb"), executable).expect("it was just made");
        tree.git(&["init", "-q"]);
        tree.commit();
        tree
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("it lies in the tree")).expect("a directory");
        fs::write(path, text).expect("the tree can be written");
    }

    fn replace(&self, file: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.path(file)).expect("it was copied");
        assert!(text.contains(old), "{file} has {old}");
        self.write(file, &text.replacen(old, new, 1));
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        let path = env::var_os("PATH").unwrap_or_default();
        let paths = [self.path(".git/bin")].into_iter().chain(env::split_paths(&path));
        command.current_dir(self.0.path()).env("PATH", env::join_paths(paths).expect("no colons"));
        // Neither those of this repository nor those of who runs the test.
        command.env_remove("GIT_DIR").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        for (name, value) in [("NAME", "a"), ("EMAIL", "a@example.org")] {
            command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
        }
        command
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = self.command("git").args(arguments).output().expect("git can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "-q", "-m", "A commit"]);
    }

    /// Run the script; return its lines, or what it complains of.
    fn release(&self, arguments: &[&str]) -> Result<Vec<String>, Vec<String>> {
        let output = self.command(self.path(".ci/release")).args(arguments).output().expect("it can be run");
        let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect();
        if output.status.success() { Ok(lines(&output.stdout)) } else { Err(lines(&output.stderr)) }
    }
}

#[test]
fn a_dry_run_prints_what_a_release_does_and_does_none_of_it() {
    let tree = Tree::new();
    let version = env!("CARGO_PKG_VERSION");
    let begin = ["$ .ci/run", "$ host/package/build", "$ eval"];
    let tag = format!("$ git tag -a v{version}");
    for (arguments, expected) in [(&["--dry-run"][..], &begin[..]), (&["--skip-checks", "--dry-run"], &begin[1..])] {
        let lines = tree.release(arguments).unwrap();
        let expected = expected.iter().copied().chain([tag.as_str(), version]);
        assert_eq!(lines.len(), expected.clone().count(), "{lines:?}");
        assert!(lines.iter().zip(expected).all(|(line, begin)| line.starts_with(begin)), "{lines:?}");
    }
    assert_eq!(tree.git(&["tag"]), "");
    assert_eq!(tree.git(&["status", "--porcelain"]), "");
}

#[test]
fn all_that_is_not_in_order_is_named_at_once() {
    let tree = Tree::new();
    let version = env!("CARGO_PKG_VERSION");
    tree.replace("CHANGELOG.md", "2026-11-29", "unreleased");
    tree.replace("host/Cargo.toml", "version.workspace = true", "version = \"0.9.0\"");
    tree.replace("Cargo.toml", &format!("version = \"={version}\""), "version = \"=0.9.0\"");
    tree.replace("Cargo.lock", &format!("name = \"supervisor-cache\"\nversion = \"{version}\""), "name = \"x\"");
    tree.git(&["tag", &format!("v{version}")]);
    let problems = tree.release(&["--dry-run"]).unwrap_err();
    let expected = [
        "no release: host/Cargo.toml has a version of its own".to_owned(),
        "no release: Cargo.lock has supervisor-cache nowhere".to_owned(),
        "no release: Cargo.toml asks for supervisor-plugin-api =0.9.0".to_owned(),
        format!("no release: CHANGELOG.md begins with \"## {version} (unreleased)\""),
        "no release: the tree has changes that are not committed".to_owned(),
        format!("no release: there is a tag v{version} already"),
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(&expected), "{problem}");
    }
}

#[test]
fn a_release_has_the_date_of_a_day() {
    let tree = Tree::new();
    tree.replace("CHANGELOG.md", "2026-11-29", "2026-02-30");
    tree.commit();
    assert_eq!(
        tree.release(&["--dry-run"]).unwrap_err(),
        ["no release: CHANGELOG.md has the date 2026-02-30, which is none"]
    );
    assert!(tree.release(&["--now"]).unwrap_err()[0].starts_with("usage: "));
}
