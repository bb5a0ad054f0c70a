# A console: the host says "hello" there, and hears it back.
port=/dev/hvc0

check 'the console is there' eventually 10 test -c $port
exec 8<>$port # its settings are gone with the last one who has it open
stty -F $port raw -echo
say console
read -r greeting <$port
check 'what the host says arrives' equals "$greeting" hello
check 'the guest answers' sh -c "echo 'hello yourself' >$port"
check 'and sends 256 KiB' sh -c "dd if=/dev/zero bs=4k count=64 2>/dev/null | tr '\\0' x >$port"
