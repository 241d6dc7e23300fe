//! Commands: the way from a command line to the file that is executed, with Supervisor's words for what may be wrong.

use std::path::Path;

use nix::unistd::{AccessFlags, access};

use crate::text::{repr::repr, shlex};

/// Path in which a bare command is looked for when no `PATH` is set.
const DEFAULT_PATH: &str = "/bin:/usr/bin:/usr/local/bin";

/// Command that can be executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// File to execute.
    pub file: String,
    /// Words of the command line, the first one as it was given.
    pub argv: Vec<String>,
}

/// Reason why a command cannot be executed. The text is Supervisor's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The text is no command line.
    #[error("{0}")]
    Bad(String),
    /// The file does not exist.
    #[error("can't find command {}", repr(.0))]
    NotFound(String),
    /// The file is a folder.
    #[error("command at {} is a directory", repr(.0))]
    Directory(String),
    /// The file is executable for nobody.
    #[error("command at {} is not executable", repr(.0))]
    NotExecutable(String),
    /// The file is not executable for us.
    #[error("no permission to run command {}", repr(.0))]
    NoPermission(String),
}

impl Command {
    /// Split a command line and find its file: in `path` (`None` or empty is a default) if the command holds no `/`.
    ///
    /// Looks at the file system.
    pub fn find(command: &str, path: Option<&str>) -> Result<Self, CommandError> {
        use std::os::unix::fs::PermissionsExt as _;

        let argv = shlex::split(command)
            .map_err(|error| CommandError::Bad(format!("can't parse command {}: {error}", repr(command))))?;
        let program = argv.first().ok_or_else(|| CommandError::Bad("command is empty".to_owned()))?;
        let (file, metadata) = if program.contains('/') {
            (program.clone(), std::fs::metadata(program).ok())
        } else {
            path.unwrap_or(DEFAULT_PATH)
                .split(':')
                .map(|dir| Path::new(dir).join(program).to_string_lossy().into_owned())
                .find_map(|file| std::fs::metadata(&file).ok().map(|metadata| (file, Some(metadata))))
                .unwrap_or_else(|| (program.clone(), None))
        };
        let Some(metadata) = metadata else { return Err(CommandError::NotFound(file)) };
        if metadata.is_dir() {
            return Err(CommandError::Directory(file));
        }
        if metadata.permissions().mode() & 0o111 == 0 {
            return Err(CommandError::NotExecutable(file));
        }
        if access(Path::new(&file), AccessFlags::X_OK).is_err() {
            return Err(CommandError::NoPermission(file));
        }
        Ok(Self { file, argv })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(command: &str) -> String {
        Command::find(command, Some("/bin:/usr/bin")).unwrap_err().to_string()
    }

    #[test]
    fn a_bare_command_is_found_in_the_path() {
        let command = Command::find("sh -c 'exit 3'", Some("/nonexistent:/bin")).unwrap();
        assert_eq!(command, Command { file: "/bin/sh".into(), argv: vec!["sh".into(), "-c".into(), "exit 3".into()] });
        assert!(Command::find("sh", None).is_ok());
    }

    #[test]
    fn what_is_wrong_is_said_as_supervisor_says_it() {
        assert_eq!(error("/nonexistent/x"), "can't find command '/nonexistent/x'");
        assert_eq!(error("nonexistent-x y"), "can't find command 'nonexistent-x'");
        assert_eq!(error("/etc/passwd"), "command at '/etc/passwd' is not executable");
        assert_eq!(error("/tmp"), "command at '/tmp' is a directory");
        assert_eq!(error("/bin/echo \"unclosed"), "can't parse command '/bin/echo \"unclosed': No closing quotation");
        assert_eq!(error("  "), "command is empty");
    }
}
