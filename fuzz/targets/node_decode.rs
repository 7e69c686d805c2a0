#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| carrack_fuzz::node_decode::check(data));
