use std::sync::Arc;

use plugin_api::testing::FakeHost;

use super::*;

#[test]
fn a_poisoned_lock_still_opens() {
    let cache = Arc::new(make_cache_rpcinterface(FakeHost::new().host(), Config::new([])).unwrap());
    cache.store("k".into(), "v".into()).unwrap();
    let poisoner = cache.clone();
    let panicked = std::thread::spawn(move || {
        let _guard = poisoner.write();
        panic!("with the lock held");
    });
    assert!(panicked.join().is_err());
    assert_eq!(cache.fetch("k".into()), Ok("v".into()));
}

#[test]
fn a_long_text_is_fetched_without_a_copy_and_a_short_one_takes_little() {
    let cache = make_cache_rpcinterface(FakeHost::new().host(), Config::new([])).unwrap();
    for len in [0, SHORT, SHORT + 1] {
        let text = Value::from("x".repeat(len));
        cache.store("k".into(), text.clone()).unwrap();
        assert_eq!(cache.fetch("k".into()), Ok(text));
    }
    let [one, other] = [(); 2].map(|()| cache.fetch("k".into()).unwrap());
    assert_eq!(one.as_str().unwrap().as_ptr(), other.as_str().unwrap().as_ptr());
    assert_eq!(size_of::<(Box<str>, Cached)>(), 32);
}
