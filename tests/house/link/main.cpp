// Linking is the proof; see CMakeLists.txt.
int main() {
  return 0;
}
