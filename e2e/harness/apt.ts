/** How tests install packages in a guest: an emulated one takes minutes for what nobody there asks for. */

/** Without the translations, which are two fifths of the lists. */
export const APT_UPDATE = "apt-get -o Acquire::Languages=none update";

/** What a package needs, and not what goes well with it; no package looks for somebody to ask. */
export const APT_INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends";
