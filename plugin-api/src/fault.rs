//! Supervisor's numbered faults by name.

use crate::abi::Fault;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal $(, $plain:ident, $with:ident)?;)*) => {
        /// The numbers of Supervisor's faults. A plugin may use others: [`Fault::new`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum Code { $($(#[$doc])* $name = $code,)* }

        impl Code {
            /// The name with which the text of the fault begins: `BAD_NAME`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The code with that number, if Supervisor has one.
            pub fn from_number(number: i32) -> Option<Self> {
                match number { $($code => Some(Self::$name),)* _ => None }
            }
        }

        impl Fault {
            $($(
                #[doc = concat!("Fault ", stringify!($code), ", plain `", $text, "`.")]
                pub fn $plain() -> Self { Self::from(Code::$name) }
                #[doc = concat!("Fault ", stringify!($code), ", `", $text, ": extra`.")]
                pub fn $with(extra: impl std::fmt::Display) -> Self { Self::of(Code::$name, extra) }
            )?)*
        }
    };
}

codes! {
    /// No such namespace or method.
    UnknownMethod = 1, "UNKNOWN_METHOD", unknown_method, unknown_method_with;
    /// Wrong number or types of parameters.
    IncorrectParameters = 2, "INCORRECT_PARAMETERS", incorrect_parameters, incorrect_parameters_with;
    /// Values that do not fit together, such as a negative length.
    BadArguments = 3, "BAD_ARGUMENTS", bad_arguments, bad_arguments_with;
    /// No help or signature for that method.
    SignatureUnsupported = 4, "SIGNATURE_UNSUPPORTED", signature_unsupported, signature_unsupported_with;
    /// The supervisor is shutting down.
    ShutdownState = 6, "SHUTDOWN_STATE", shutdown_state, shutdown_state_with;
    /// No such process, group or key.
    BadName = 10, "BAD_NAME", bad_name, bad_name_with;
    /// No such signal.
    BadSignal = 11, "BAD_SIGNAL", bad_signal, bad_signal_with;
    /// No such file.
    NoFile = 20, "NO_FILE", no_file, no_file_with;
    /// The program's command cannot be executed.
    NotExecutable = 21, "NOT_EXECUTABLE", not_executable, not_executable_with;
    /// Any other failure.
    Failed = 30, "FAILED", failed, failed_with;
    /// The process ended before it was running.
    AbnormalTermination = 40, "ABNORMAL_TERMINATION", abnormal_termination, abnormal_termination_with;
    /// The process could not be spawned.
    SpawnError = 50, "SPAWN_ERROR", spawn_error, spawn_error_with;
    /// The process is running already.
    AlreadyStarted = 60, "ALREADY_STARTED", already_started, already_started_with;
    /// The process is not running.
    NotRunning = 70, "NOT_RUNNING", not_running, not_running_with;
    /// Not a fault, so no constructor makes one of it: the status of one process among the results for several.
    Success = 80, "SUCCESS";
    /// The group is active already.
    AlreadyAdded = 90, "ALREADY_ADDED", already_added, already_added_with;
    /// The group has processes that run.
    StillRunning = 91, "STILL_RUNNING", still_running, still_running_with;
    /// The config file cannot be read again.
    CantReread = 92, "CANT_REREAD", cant_reread, cant_reread_with;
}

impl Fault {
    /// A fault with a number and a text of the plugin's own: `Fault::new(230, "NOT_IN_WHITELIST")`.
    pub fn new(code: i32, text: impl Into<String>) -> Self {
        Self { code, text: text.into().into() }
    }

    /// A fault of Supervisor's with more to say: `BAD_NAME: extra`.
    pub fn of(code: Code, extra: impl std::fmt::Display) -> Self {
        Self::new(code as i32, format!("{}: {extra}", code.name()))
    }

    /// The fault of [`Host::emit`](crate::Host::emit) for a type of events that is not among those of the plugin's
    /// factory.
    #[doc(hidden)]
    pub fn unlisted_event<S: AsRef<str>>(name: &str, listed: &[S]) -> Self {
        let listed: Vec<&str> = listed.iter().map(AsRef::as_ref).collect();
        let known = if listed.is_empty() { "it lists none".to_owned() } else { listed.join(", ") };
        let what = "is not among the events that this plugin lists with its factory";
        Self::bad_arguments_with(format_args!("{name} {what}: {known}"))
    }

    /// The text without the fault's name in front: what a person has to know of `BAD_NAME: cat` is `cat`.
    pub fn detail(&self) -> &str {
        let text = self.text.as_str();
        match text.split_once(": ") {
            Some((name, detail)) if name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') => detail,
            _ => text,
        }
    }

    /// Return true if this is that fault of Supervisor's.
    pub fn is(&self, code: Code) -> bool {
        self.code == code as i32
    }
}

impl From<Code> for Fault {
    fn from(code: Code) -> Self {
        Self::new(code as i32, code.name())
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_plain_or_say_more() {
        assert_eq!(Fault::bad_name(), Fault::new(10, "BAD_NAME"));
        assert_eq!(Fault::bad_name_with("cat"), Fault::new(10, "BAD_NAME: cat"));
        assert!(Fault::bad_name_with("cat").is(Code::BadName));
        assert_eq!(Code::from_number(91), Some(Code::StillRunning));
        assert_eq!(Code::from_number(230), None);
    }

    #[test]
    fn the_detail_is_without_the_name() {
        assert_eq!(Fault::bad_name_with("grp:cat").detail(), "grp:cat");
        assert_eq!(Fault::bad_name().detail(), "BAD_NAME");
        assert_eq!(Fault::new(1, "No luck: none").detail(), "No luck: none");
    }
}
