#![no_main]

use carrack_fuzz::car_reader::{check, mutate};

libfuzzer_sys::fuzz_target!(|data: &[u8]| check(data));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let size = libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    mutate(data, size, seed)
});
