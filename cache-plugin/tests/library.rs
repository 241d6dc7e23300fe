//! The plugin as supervisord and supervisorctl get it: one library with both factories.

use plugin_api::{
    Fault,
    testing::{FakeController, FakeHost},
};

#[test]
fn the_library_has_both_parts() {
    let library = plugin_loader::built();
    assert_eq!(library.info().name, "supervisor-cache");
    let cache = library.rpcinterface("make_cache_rpcinterface", &FakeHost::new(), []).unwrap();
    assert_eq!(cache.call("store", ("foo", "bar baz")), Ok(true));
    assert_eq!(cache.call("fetch", ("foo",)), Ok("bar baz".to_owned()));
    assert_eq!(cache.call::<String>("fetch", ("nope",)), Err(Fault::bad_name()));
    assert!(library.ctl("make_cache_controllerplugin", &FakeController::new(), []).is_ok());
}
