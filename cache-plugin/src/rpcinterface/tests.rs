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
