//! `supervisorctl`: commands for a supervisord, once or in a shell.

use std::process::ExitCode;

use supervisor_host::{ctl::cli, daemon::coerce_c_locale, text::stderr_line::stderr_line};

fn main() -> ExitCode {
    coerce_c_locale();
    let mut args = Vec::new();
    for argument in std::env::args_os() {
        match argument.into_string() {
            Ok(argument) => args.push(argument),
            Err(argument) => {
                stderr_line(format_args!("Error: the argument {} is not UTF-8", argument.display()));
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::from(cli::run(&args))
}
