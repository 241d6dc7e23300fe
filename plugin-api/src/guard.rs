//! Panics become faults: `FAILED: store panicked: boom (src/lib.rs:13:12)`.
//!
//! A panic must not reach the boundary. `abi_stable` ends the process there, and a `catch_unwind` on the other side
//! sees nothing, because each library has its own copy of Rust's panic machinery. So the code that catches is generic:
//! it is compiled into the library whose code may panic. It stands around everything of an author's that the other side
//! can set off: the constructor, a call, the poll and the drop of a future, the drop of the object. What is caught is
//! dropped under guard too, since a panic's payload can panic when it is dropped.
//!
//! The message and the place are known only to the panic hook. Ours notes them for the guard on the same thread, and
//! leaves every other panic to the hook that was there before. It is installed once per library.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    future::Future,
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind},
    pin::Pin,
    sync::Once,
    task::{Context, Poll},
};

use abi_stable::std_types::RResult;

use crate::abi::{Fault, Value};

thread_local! {
    /// Number of guards that this thread is inside of.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// Message and place of the last panic under guard, as the hook noted them.
    static NOTE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Run `work`; a panic in it comes back as the fault `FAILED: what panicked: …`.
pub(crate) fn guarded<R>(what: impl AsRef<str>, work: impl FnOnce() -> R) -> Result<R, Fault> {
    let _ = DEPTH.try_with(|depth| depth.set(depth.get() + 1));
    let outcome = catch_unwind(AssertUnwindSafe(work));
    let _ = DEPTH.try_with(|depth| depth.set(depth.get() - 1));
    outcome.map_err(|payload| fault(what.as_ref(), payload))
}

/// Drop `value`, and return the note of a panic in that: `drop panicked: boom (src/lib.rs:13:12)`.
pub(crate) fn drop_guarded<T>(value: T) -> Option<String> {
    guarded("drop", move || drop(value)).err().map(|fault| fault.detail().to_owned())
}

/// The fault for a caught panic.
#[cold]
fn fault(what: &str, payload: Box<dyn Any + Send>) -> Fault {
    let noted = NOTE.try_with(RefCell::take).ok().flatten();
    let note = noted.unwrap_or_else(|| message(&*payload).to_owned());
    if let Err(second) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        // A payload whose drop panics with another such payload would never come to an end.
        std::mem::forget(second);
    }
    let _ = NOTE.try_with(RefCell::take);
    Fault::failed_with(format_args!("{what} panicked: {note}"))
}

/// Text that `panic!` was given, if it was text.
fn message(payload: &dyn Any) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

/// Install the hook that makes message and place of a panic known to [`guarded`]. Once for each library.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        // Whoever asks for backtraces debugs a plugin, and gets all that Rust has to say.
        let backtraces = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
        std::panic::set_hook(Box::new(move |info| {
            let noted = note(info);
            if !noted || backtraces {
                previous(info);
            }
        }));
    });
}

/// Keep message and place of this panic if a guard waits for it; false if none does.
fn note(info: &PanicHookInfo<'_>) -> bool {
    if !DEPTH.try_with(|depth| depth.get() > 0).unwrap_or(false) {
        return false;
    }
    let message = message(info.payload());
    let text = match info.location() {
        Some(place) => format!("{message} ({place})"),
        None => message.to_owned(),
    };
    NOTE.try_with(|note| *note.borrow_mut() = Some(text)).is_ok()
}

/// A future whose panics become its answer.
pub(crate) struct GuardedFuture<F: Future + Unpin> {
    /// Name of the method, for the fault.
    method: String,
    /// The method's future, which can be moved so that it can be dropped under guard as soon as it is done. `None` after
    /// that.
    future: Option<F>,
}

impl<F: Future + Unpin> GuardedFuture<F> {
    pub(crate) fn new(method: &str, future: F) -> Self {
        Self { method: method.to_owned(), future: Some(future) }
    }
}

impl<F: Future<Output = Result<Value, Fault>> + Unpin> Future for GuardedFuture<F> {
    type Output = RResult<Value, Fault>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let polled = match &mut this.future {
            Some(future) => guarded(&this.method, || Pin::new(future).poll(context)),
            None => Err(Fault::failed_with(format_args!("{} was polled after its answer", this.method))),
        };
        let answer = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => answer,
            Err(fault) => Err(fault),
        };
        // The answer is what the caller waits for.
        let _ = drop_guarded(this.future.take());
        Poll::Ready(answer.into())
    }
}

impl<F: Future + Unpin> Drop for GuardedFuture<F> {
    fn drop(&mut self) {
        let _ = drop_guarded(self.future.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_keeps_message_and_place() {
        install_hook();
        let fault = guarded("store", || panic!("boom")).unwrap_err();
        let (start, end) = ("FAILED: store panicked: boom (plugin-api/src/guard.rs:", ")");
        assert!(fault.text.starts_with(start) && fault.text.ends_with(end), "{fault}");
        assert_eq!(fault.code, 30);
    }

    #[test]
    fn a_payload_that_panics_is_survived() {
        struct Bomb(u32);
        impl Drop for Bomb {
            fn drop(&mut self) {
                if self.0 > 0 {
                    std::panic::panic_any(Bomb(self.0 - 1));
                }
            }
        }
        install_hook();
        let fault = guarded("store", || std::panic::panic_any(Bomb(3))).unwrap_err();
        assert!(fault.text.starts_with("FAILED: store panicked: without a message ("), "{fault}");
        assert!(drop_guarded(Bomb(1)).is_some());
    }

    #[test]
    fn a_future_panics_into_its_answer() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        install_hook();
        let mut future = GuardedFuture::new(
            "wait",
            Box::pin(async {
                let _bomb = Bomb;
                std::future::ready(()).await;
                Ok(Value::Nil)
            }),
        );
        let Poll::Ready(RResult::RErr(fault)) =
            Pin::new(&mut future).poll(&mut Context::from_waker(std::task::Waker::noop()))
        else {
            panic!("expected a fault")
        };
        assert!(fault.text.starts_with("FAILED: wait panicked: dropped ("), "{fault}");
        let polled = Pin::new(&mut future).poll(&mut Context::from_waker(std::task::Waker::noop()));
        assert!(matches!(polled, Poll::Ready(RResult::RErr(_))));

        let mut pending = GuardedFuture::new(
            "wait",
            Box::pin(async {
                let _bomb = Bomb;
                std::future::pending::<Result<Value, Fault>>().await
            }),
        );
        assert!(Pin::new(&mut pending).poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
        drop(pending);
    }
}
