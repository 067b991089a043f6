/* A SPANK plugin that reads the options of Pyxis which a job script of ours uses, and starts no container: it appends
   each option that a step was given to the file which plugstack.conf names. */

#include <slurm/spank.h>
#include <stdio.h>
#include <unistd.h>

SPANK_PLUGIN(pyxis_standin, 1);

static char written_to[4096];

static int given(int option, const char *value, int remote);

struct spank_option spank_options[] = {
    {"container-image", "IMAGE", "", 1, 0, given},
    {"container-mounts", "MOUNTS", "", 1, 1, given},
    {"container-workdir", "PATH", "", 1, 2, given},
    {"container-name", "NAME", "", 1, 3, given},
    {"container-env", "NAMES", "", 1, 4, given},
    {"container-mount-home", NULL, "", 0, 5, given},
    {"no-container-mount-home", NULL, "", 0, 6, given},
    SPANK_OPTIONS_TABLE_END};

int slurm_spank_init(spank_t spank, int count, char **arguments) {
  if (count != 1) return -1;
  snprintf(written_to, sizeof(written_to), "%s", arguments[0]);
  return 0;
}

static int given(int option, const char *value, int remote) {
  FILE *file;
  if (!remote) return 0;
  file = fopen(written_to, "a");
  if (file == NULL) return -1;
  fprintf(file, "%d %s=%s\n", (int)getpid(), spank_options[option].name, value ? value : "");
  return fclose(file);
}
