//! `supervisorctl`: commands for a supervisord, once or in a shell.

use std::process::ExitCode;

use supervisor_host::{ctl::cli, text::complain::complain};

fn main() -> ExitCode {
    let mut args = Vec::new();
    for argument in std::env::args_os() {
        match argument.into_string() {
            Ok(argument) => args.push(argument),
            Err(argument) => {
                complain(format_args!("Error: the argument {} is not UTF-8", argument.display()));
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::from(cli::run(&args))
}
