nlm_unit_test(test_formats LIBS nlm)
nlm_unit_test(test_npz LIBS nlm)
