#!/bin/sh
# Installs nlm into a folder of its own and uses the installation as strangers do: pkg-config, plain cc, CMake, and
# `nlmc build`, all with the programs of examples/c-api.
#
# usage: package.sh BUILD_FOLDER SOURCE_FOLDER WORK_FOLDER
set -eu

build=$1 source=$2 work=$3
make_weights=$build/tests/package/make_weights
rm -rf "$work"
mkdir -p "$work"
cd "$work"

fail() {
  echo "package.sh: $*" >&2
  exit 1
}
# What a program loads when it runs, but for the loader itself.
needs() { ldd "$1" | sed -n 's/^[[:space:]]*\(lib[^ ]*\) .*/\1/p' | sort | tr '\n' ' '; }
expect_lean() { # PROGRAM
  for library in $(needs "$1"); do
    case $library in libc.so.6 | libm.so.6) ;; *) fail "$1 needs $library" ;; esac
  done
}

echo "== installation"
cmake --install "$build" --prefix "$work/prefix" >install.log
for file in bin/nlmc lib/libnlm.a lib/libnlm.so include/nlm/nlm.h include/nlm/abi.h include/nlm/abi.def \
  lib/pkgconfig/nlm.pc lib/cmake/nlm/nlmConfig.cmake lib/cmake/nlm/nlmConfigVersion.cmake; do
  [ -e "prefix/$file" ] || fail "$file is not installed"
done
mv prefix moved # an installation may be moved as a whole
prefix=$work/moved
nlmc=$prefix/bin/nlmc
for library in libnlm.a libnlm.so; do
  dynamic=
  [ $library = libnlm.a ] || dynamic=-D
  # shellcheck disable=SC2086 # no word where it is empty
  hidden=$(nm $dynamic -g --defined-only "$prefix/lib/$library" | awk 'NF == 3 && $3 !~ /^nlm_/ { print $3 }')
  [ -z "$hidden" ] || fail "$library shows $hidden"
done

echo "== object file"
cp "$source/tests/package/imdb.nlm" "$source/tests/package/sizes.nlm" "$source/examples/c-api/app.c" \
  "$source/examples/c-api/threads.c" "$source/tests/package/clash.c" \
  "$source/tests/package/quiet.c" "$source/tests/api/quiet_counters.c" "$source/tests/api/quiet_counters.h" .
"$nlmc" shapes imdb.nlm --format json | "$make_weights" imdb.safetensors 50
"$nlmc" emit obj imdb.nlm --weights imdb.safetensors -o imdb.o

echo "== pkg-config"
PKG_CONFIG_PATH=$prefix/lib/pkgconfig
export PKG_CONFIG_PATH
flags=$(pkg-config --cflags --libs nlm)
printf 'good good\n\nw4 bad w17 unheard\nGOOD, w49!\n' >lines
# shellcheck disable=SC2086 # a list of words
{
  cc -Wall -Werror app.c imdb.o $flags -o app
  cc -Wall -Werror threads.c imdb.o $flags -o threads
  cc -Wall -Werror clash.c imdb.o $flags -o clash
  cc -Wall -Werror quiet.c quiet_counters.c imdb.o $flags -o quiet
}
expect_lean ./app
./app <lines >app.out
[ "$(wc -l <app.out)" -eq 4 ] || fail "app printed $(wc -l <app.out) lines"
! grep -vE '^(neg|pos)	[01]\.[0-9]{4}	' app.out || fail "lines of app have another form"
for n in 1 3; do
  ./threads $n <lines | cmp - app.out || fail "$n threads print something else"
done
./clash >clash.out || fail "clash ended badly"
grep -q '^done 0$' clash.out || fail "clash printed $(cat clash.out)"
./quiet || fail "predictions are not quiet, or depend on the batch"
mkdir bare
"$nlmc" emit obj imdb.nlm -o bare/imdb.o
# shellcheck disable=SC2086
cc app.c -Ibare bare/imdb.o $flags -o app_bare
./app_bare imdb.safetensors <lines | cmp - app.out || fail "weights from a file give something else"
! ./app_bare <lines >bare.out 2>bare.err || fail "app ran without weights"
grep -q 'there are none' bare.err || fail "no word about missing weights"

echo "== plain cc, shared and static library"
cc app.c imdb.o -I"$prefix/include" -L"$prefix/lib" -Wl,-rpath,"$prefix/lib" -lnlm -lm -lpthread -ldl -o app_shared
case $(needs ./app_shared) in *libnlm.so*) ;; *) fail "app_shared does not need libnlm.so" ;; esac
./app_shared <lines | cmp - app.out || fail "the shared library gives something else"
mkdir archive
cp "$prefix/lib/libnlm.a" archive
cc app.c imdb.o -I"$prefix/include" -Larchive -lnlm -lm -lpthread -ldl -o app_static
./app_static <lines | cmp - app.out || fail "the static library gives something else"

echo "== CMake"
cp -r "$source/examples/c-api" consumer
cmake -S consumer -B consumer/build -DCMAKE_PREFIX_PATH="$prefix" -DMODEL="$work/imdb.nlm" \
  -DWEIGHTS="$work/imdb.safetensors" >cmake.log || { cat cmake.log; exit 1; }
cmake --build consumer/build >build.log || { cat build.log; exit 1; }
for program in app "threads 2"; do
  # shellcheck disable=SC2086
  consumer/build/$program <lines | cmp - app.out || fail "$program of CMake prints something else"
done
cmake --build consumer/build >again.log
! grep -q 'Compiling model' again.log || fail "an unchanged model is compiled again"
sleep 1
echo '# changed' >>sizes.nlm
cmake --build consumer/build >changed.log
grep -q 'Compiling model' changed.log || fail "a changed include does not compile the model again"

echo "== nlmc build"
"$nlmc" build imdb.nlm --weights imdb.safetensors -o imdb
expect_lean ./imdb
"$nlmc" build imdb.nlm -o lean
strip lean
[ "$(wc -c <lean)" -lt 3000000 ] || fail "the stripped executable has $(wc -c <lean) bytes"
cut -f 1,2 app.out >labels
env -i ./imdb predict --input lines | cmp - labels || fail "predict prints something else"
echo "package.sh: all as it should be"
