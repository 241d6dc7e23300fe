//! Futures that cross the boundary, as `async-ffi` 0.5 lays them out.
//!
//! A future is polled by its own library, which is given a waker of the other's.

#![allow(unsafe_code)] // Pointers to values of which only the other library knows the type.

use std::{
    future::Future,
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
};

/// A future of whatever library made it.
#[repr(C)]
pub struct FfiFuture<T> {
    future: *mut (),
    poll: unsafe extern "C" fn(*mut (), *mut FfiContext) -> FfiPoll<T>,
    drop: unsafe extern "C" fn(*mut ()),
}

// SAFETY: made of futures that are.
unsafe impl<T> Send for FfiFuture<T> {}

/// Outcome of a poll.
#[repr(C, u8)]
enum FfiPoll<T> {
    Ready(T),
    Pending,
    Panicked,
}

/// Argument of a poll.
#[repr(C)]
struct FfiContext {
    /// Lent for the poll.
    waker: *const FfiWaker,
}

/// A waker of whatever library made it. Behind the table it has what that library wants.
#[repr(C)]
struct FfiWaker {
    vtable: *const FfiWakerVTable,
}

/// Functions of the library that made a waker.
#[repr(C)]
struct FfiWakerVTable {
    /// Give a waker that is owned.
    clone: unsafe extern "C" fn(*const FfiWaker) -> *const FfiWaker,
    /// Wake, and drop a waker that is owned.
    wake: unsafe extern "C" fn(*const FfiWaker),
    wake_by_ref: unsafe extern "C" fn(*const FfiWaker),
    /// Drop a waker that is owned.
    drop: unsafe extern "C" fn(*const FfiWaker),
}

impl<T> FfiFuture<T> {
    /// A future for the other side.
    pub fn new<F: Future<Output = T> + Send + 'static>(future: F) -> Self {
        Self { future: Box::into_raw(Box::new(future)).cast(), poll: poll::<F>, drop: drop_future::<F> }
    }
}

unsafe extern "C" fn poll<F: Future>(future: *mut (), context: *mut FfiContext) -> FfiPoll<F::Output> {
    // SAFETY: the pointer is that of `FfiFuture::new`, whose box nobody moves out of; the waker is lent for this call.
    let (future, waker) =
        unsafe { (Pin::new_unchecked(&mut *future.cast::<F>()), Waker::new((*context).waker.cast(), &OTHERS)) };
    let waker = ManuallyDrop::new(waker);
    match catch_unwind(AssertUnwindSafe(|| future.poll(&mut Context::from_waker(&waker)))) {
        Ok(Poll::Ready(output)) => FfiPoll::Ready(output),
        Ok(Poll::Pending) => FfiPoll::Pending,
        Err(payload) => {
            // Its drop may panic in its turn, which ends the process here.
            drop(payload);
            FfiPoll::Panicked
        }
    }
}

unsafe extern "C" fn drop_future<F>(future: *mut ()) {
    // SAFETY: the pointer is that of `FfiFuture::new`, and this is its end.
    drop(unsafe { Box::from_raw(future.cast::<F>()) });
}

impl<T> Drop for FfiFuture<T> {
    fn drop(&mut self) {
        // SAFETY: the function is of the library that made the future.
        unsafe { (self.drop)(self.future) };
    }
}

impl<T> Future for FfiFuture<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let waker = LentWaker { base: FfiWaker { vtable: &raw const LENT }, waker: context.waker() };
        let mut context = FfiContext { waker: (&raw const waker).cast() };
        // SAFETY: the function is of the library that made the future, and the waker outlives the call.
        let polled = unsafe { (self.poll)(self.future, &raw mut context) };
        match polled {
            FfiPoll::Ready(output) => Poll::Ready(output),
            FfiPoll::Pending => Poll::Pending,
            FfiPoll::Panicked => panic!("a future of another library panicked"),
        }
    }
}

/// A waker of this library that is lent to the other for a poll.
#[repr(C)]
struct LentWaker {
    base: FfiWaker,
    waker: *const Waker,
}

static LENT: FfiWakerVTable = FfiWakerVTable { clone: clone_lent, wake: never, wake_by_ref: wake_lent, drop: never };

unsafe extern "C" fn clone_lent(waker: *const FfiWaker) -> *const FfiWaker {
    // SAFETY: called for a lent waker of this library, during the poll.
    let waker = unsafe { &*(*waker.cast::<LentWaker>()).waker };
    own(waker.clone())
}

unsafe extern "C" fn wake_lent(waker: *const FfiWaker) {
    // SAFETY: as above.
    unsafe { (*(*waker.cast::<LentWaker>()).waker).wake_by_ref() };
}

/// End the process: what is lent is not woken by value, and not dropped.
unsafe extern "C" fn never(_waker: *const FfiWaker) {
    std::process::abort();
}

/// A waker of this library that the other owns, in a box.
#[repr(C)]
struct OwnedWaker {
    base: FfiWaker,
    waker: Waker,
}

static OWNED: FfiWakerVTable = FfiWakerVTable { clone, wake, wake_by_ref, drop: drop_waker };

fn own(waker: Waker) -> *const FfiWaker {
    Box::into_raw(Box::new(OwnedWaker { base: FfiWaker { vtable: &raw const OWNED }, waker })).cast()
}

unsafe extern "C" fn clone(waker: *const FfiWaker) -> *const FfiWaker {
    // SAFETY: called for an owned waker of this library, as are those below.
    own(unsafe { &*waker.cast::<OwnedWaker>() }.waker.clone())
}

unsafe extern "C" fn wake(waker: *const FfiWaker) {
    // SAFETY: above, and this is its end.
    let owned = unsafe { Box::from_raw(waker.cast_mut().cast::<OwnedWaker>()) };
    owned.waker.wake();
}

unsafe extern "C" fn wake_by_ref(waker: *const FfiWaker) {
    // SAFETY: above.
    unsafe { (*waker.cast::<OwnedWaker>()).waker.wake_by_ref() };
}

unsafe extern "C" fn drop_waker(waker: *const FfiWaker) {
    // SAFETY: above, and this is its end.
    drop(unsafe { Box::from_raw(waker.cast_mut().cast::<OwnedWaker>()) });
}

/// Functions of a waker of the other library, for the futures of this one.
static OTHERS: RawWakerVTable = RawWakerVTable::new(
    |waker| {
        let waker = waker.cast::<FfiWaker>();
        // SAFETY: whoever lent the waker laid it out so, as for those below.
        let cloned = unsafe { ((*(*waker).vtable).clone)(waker) };
        RawWaker::new(cloned.cast(), &OTHERS)
    },
    // SAFETY: above.
    |waker| unsafe { ((*(*waker.cast::<FfiWaker>()).vtable).wake)(waker.cast()) },
    // SAFETY: above.
    |waker| unsafe { ((*(*waker.cast::<FfiWaker>()).vtable).wake_by_ref)(waker.cast()) },
    // SAFETY: above.
    |waker| unsafe { ((*(*waker.cast::<FfiWaker>()).vtable).drop)(waker.cast()) },
);
