//! Answers that a test gives for the supervisor's methods, and the calls that came.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    abi::{Fault, Value},
    repr,
};

/// Function that answers the calls of one method. It has a lock of its own, since it is code of the test, which may
/// look at the rest.
type Rule = Arc<Mutex<dyn FnMut(&[Value]) -> Result<Value, Fault> + Send>>;

/// The answers of a test, and the calls that came.
#[derive(Default)]
pub(super) struct Script {
    rules: Mutex<HashMap<String, Rule>>,
    calls: Mutex<Vec<String>>,
}

impl Script {
    pub(super) fn answer_with(
        &self,
        method: &str,
        rule: impl FnMut(&[Value]) -> Result<Value, Fault> + Send + 'static,
    ) {
        lock(&self.rules).insert(method.to_owned(), Arc::new(Mutex::new(rule)));
    }

    pub(super) fn call(&self, method: &str, params: &[Value]) -> Result<Value, Fault> {
        self.find(method, params).unwrap_or_else(|| {
            Err(Fault::unknown_method_with(format_args!(
                "the test has no answer for {method}; it is given with `answers(\"{method}\", …)`"
            )))
        })
    }

    /// Note the call, and return the test's answer to it if there is one.
    pub(super) fn find(&self, method: &str, params: &[Value]) -> Option<Result<Value, Fault>> {
        let shown: Vec<_> = params.iter().map(repr).collect();
        lock(&self.calls).push(format!("{method}({})", shown.join(", ")));
        let rule = lock(&self.rules).get(method).cloned()?;
        let mut rule = rule.lock().unwrap_or_else(PoisonError::into_inner);
        Some(rule(params))
    }

    pub(super) fn calls(&self) -> Vec<String> {
        lock(&self.calls).clone()
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

/// Lock `mutex`. A test that failed with the lock held has left whole what is in it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The part that a fake host and a fake controller have in common. Both keep a `script`.
macro_rules! scripted {
    ($fake:ident) => {
        impl $fake {
            /// Have `method` answer this from now on: any value, or a `Result<value, Fault>`.
            ///
            /// A method that was given no answer is an `UNKNOWN_METHOD` that says so.
            pub fn answers(&self, method: &str, answer: impl $crate::IntoAnswer) {
                let answer = answer.into_answer();
                self.0.script.answer_with(method, move |_| answer.clone());
            }

            /// Have `method` answer with this fault from now on.
            pub fn fails(&self, method: &str, fault: $crate::Fault) {
                self.0.script.answer_with(method, move |_| Err(fault.clone()));
            }

            /// Have `method` answer what `answer` makes of its parameters from now on. Calls wait for each other.
            pub fn answers_with<A: $crate::IntoAnswer>(
                &self,
                method: &str,
                mut answer: impl FnMut(&[$crate::Value]) -> A + Send + 'static,
            ) {
                self.0.script.answer_with(method, move |params| answer(params).into_answer());
            }

            /// Calls of the plugin so far, as Python would write them: `supervisor.startProcess('cat', True)`.
            pub fn calls(&self) -> Vec<String> {
                self.0.script.calls()
            }
        }

        impl Default for $fake {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}
pub(super) use scripted;
